"""What staff do to rows that sweeps have set aside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foundation.actors import Actor
from partners import services
from partners.models import Quarantined
from staff.action import Action, Cleaned, Done, Row


class TryAgain(Action):
    name, permission, title, icon = "try-again", "installment_collect", "Try again", "replay"
    consequence = "The next run works on the row as on any other, with all tries before it."
    model = Quarantined

    def offers(self, row: Row) -> bool:
        return bool(row.failures)

    def details(self, row: Row) -> list[str]:
        return [row.reason]

    def facts(self, row: Row) -> dict[str, Any]:
        aside = row.set_aside_at and row.set_aside_at.isoformat()
        return {"row": str(row), "failures": row.failures, "set_aside_at": aside}

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.try_again(quarantined_id=row.pk, now=now)
        return Done("The next run tries it.")


ACTIONS = [TryAgain()]
