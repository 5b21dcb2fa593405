"""What staff do to API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from foundation.actors import Actor
from partners import services
from partners.models import ApiKey
from staff.action import Action, Cleaned, Done, Row


class KeyAction(Action):
    model = ApiKey

    def offers(self, row: Row) -> bool:
        return bool(row.is_live(timezone.now()))

    def facts(self, row: Row) -> dict[str, Any]:
        times = {"expires_at": row.expires_at, "revoked_at": row.revoked_at}
        shown = {name: moment and moment.isoformat() for name, moment in times.items()}
        return {"prefix": row.prefix, "scopes": row.scopes, **shown}


class Rotate(KeyAction):
    name, permission, title, icon = "rotate-key", "apikey_rotate", "Rotate", "cycle"
    consequence = (
        "A new key with the same name and scopes is shown, once. This one ends in 24 hours."
    )

    refusals = (services.KeyEnding,)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        new_key, text = services.rotate_api_key(api_key=row, now=now)
        return Done(f"{new_key.prefix} takes over; {row.prefix} ends in 24 hours.", shown_once=text)


class Revoke(KeyAction):
    name, permission, title, icon = "revoke-key", "apikey_revoke", "Revoke", "block"
    consequence = "Requests with this key are refused from now on. This cannot be undone."
    is_danger = True

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.revoke_api_key(api_key=row, now=now)
        return Done(f"{row.prefix} is revoked.")


ACTIONS = [Rotate(), Revoke()]
