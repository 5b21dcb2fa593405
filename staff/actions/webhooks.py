"""What staff do to webhook deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foundation.actors import Actor
from staff.action import Action, Cleaned, Done, Row
from webhooks import services
from webhooks.models import Delivery


class Replay(Action):
    name, permission, title, icon = "replay", "delivery_replay", "Replay", "replay"
    consequence = "The event is sent again now, with the same id: receivers that saw it can tell."
    model = Delivery
    refusals = (services.EndpointInactive,)

    def get(self, pk: str) -> Delivery:
        return Delivery.objects.select_related("event", "endpoint").get(pk=pk)

    def offers(self, row: Row) -> bool:
        return bool(row.endpoint.is_active and row.endpoint.deleted_at is None)

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"Replay {row.event} to {row.endpoint}"

    def facts(self, row: Row) -> dict[str, Any]:
        return {"status": row.status, "attempts": row.attempt_count}

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.replay_delivery(delivery=row, now=now)
        return Done("It is sent again now.")


ACTIONS = [Replay()]
