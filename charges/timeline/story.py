"""What every part of the story is told with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from charges.models import Charge, Refund
from wallets import money


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact: `text` for people, `data` for programs."""

    at: datetime
    type: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    """A charge as it is told, to staff with names or to its partner without."""

    charge: Charge
    names_staff: bool

    @cached_property
    def refunds(self) -> list[Refund]:
        return list(Refund.objects.filter(charge=self.charge).order_by("id"))

    def money(self, minor: int) -> str:
        return money.with_code(minor, self.charge.currency)

    def amount(self, minor: int) -> str:
        return money.to_decimal(minor, self.charge.currency)

    def actor(self, name: str) -> str:
        is_partner = name.startswith("api_key:")
        return name if self.names_staff or is_partner else "the operator"


def time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
