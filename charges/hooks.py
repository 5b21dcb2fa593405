"""The one way in which charges call upward: what whoever orders them provides.

`settings.CHARGE_HOOKS` names it; payments_project/wiring.py has mypy check that it fits.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from charges.models import Charge
from foundation.actors import Actor


class Outlook(NamedTuple):
    """What follows a failure: when another charge tries again, or why none does."""

    retry_at: datetime | None
    no_retry: str = ""


class ChargeHooks(Protocol):
    """Steps, in the transaction of the charge, about charges that are for an order."""

    def lock(self, charge: Charge) -> None:
        """Before the charge itself is locked, the rows above it are."""

    def wants(self, charge: Charge) -> bool:
        """Whether it is still to be collected; asked before the processor is."""

    def failure_outlook(self, charge: Charge) -> Outlook:
        """What follows now that the charge fails; asked before that is written."""

    def charge_moved(self, charge: Charge, *, by: Actor, now: datetime) -> None:
        """The charge has ended, and is written."""

    def dispute_changed(self, charge: Charge, *, by: Actor, now: datetime) -> None:
        """A dispute of the charge opened or closed."""

    def describe_outlook(self, charge: Charge) -> str:
        """A sentence on what comes next after the failed charge, as things stand."""


def hooks() -> ChargeHooks:
    return cast("ChargeHooks", import_string(settings.CHARGE_HOOKS))
