"""What Stripe sends to us: its signature checked by the SDK, the rest only pointed at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import stripe
from django.conf import settings

from charges.gateway.client import printable

TEST_KEYS = ("sk_test_", "rk_test_")


class InvalidSignature(Exception):
    """Not signed by Stripe with our secret, or too long ago."""

    def __init__(self) -> None:
        super().__init__("The signature is missing, wrong or too old.")


@dataclass(frozen=True, slots=True)
class Notice:
    """An event as far as it may be believed: that something happened to that object."""

    id: str
    type: str
    object_id: str
    happened_at: datetime
    stranger: str
    """Why it is not for us; empty when it is."""


def read(payload: bytes, signature: str) -> Notice:
    """The notice in a signed payload. Raises InvalidSignature.

    Any of the configured secrets will do, so that they can be rolled.
    """
    event = _verified(payload, signature)
    try:
        return Notice(
            id=printable(event.id)[:255],
            type=printable(event.type)[:100],
            object_id=printable(getattr(event.data.object, "id", ""))[:255],
            happened_at=datetime.fromtimestamp(int(event.created), UTC),
            stranger=_stranger(event),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidSignature from error


def _verified(payload: bytes, signature: str) -> stripe.Event:
    for secret in settings.STRIPE_WEBHOOK_SECRETS:
        try:
            event: stripe.Event = stripe.Webhook.construct_event(payload, signature, secret)
        except (stripe.SignatureVerificationError, ValueError, AttributeError):
            continue  # not signed with this one, or signed but no event
        return event
    raise InvalidSignature


def _stranger(event: stripe.Event) -> str:
    if getattr(event, "account", None):
        return "It is about another account."
    is_test = settings.STRIPE_SECRET_KEY.startswith(TEST_KEYS)
    if bool(event.livemode) is is_test:
        return "It is of the other mode, test or live."
    return ""
