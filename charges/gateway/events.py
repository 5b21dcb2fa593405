"""Stripe's events, sent to us or listed: a signature is checked by the SDK, of the rest no more is
taken than what to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import stripe
from django.conf import settings

from charges.gateway.client import (
    PAGE,
    NotUnderstood,
    ask,
    client,
    created_since,
    printable,
)

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
        return _notice(event)
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidSignature from error


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of Stripe's list, newest first."""

    notices: list[Notice]
    is_last: bool


def listed(types: list[str], *, since: datetime, after: str) -> Listed:
    """Events of at most 20 types that were created since then; below the event `after`, if given.

    Stripe lists the events of 30 days. https://docs.stripe.com/api/events/list
    Raises Refused when it does not know `after` (any more), and what else the gateway raises.
    """
    params: dict[str, Any] = {"types": types, "limit": PAGE, **created_since(since)}
    if after:
        params["starting_after"] = after
    page = ask(lambda: client().v1.events.list(params=params))  # type: ignore[arg-type]
    try:
        return Listed(
            [_notice(event) for event in page.data], is_last=not (page.has_more and page.data)
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise NotUnderstood(printable(f"An answer that lists no events: {error}")) from error


def types_of(prefixes: Iterable[str]) -> list[str]:
    """The types known to the SDK that begin so, sorted: Stripe lists by whole names alone."""
    known = get_args(stripe.Event.__annotations__["type"])
    return sorted(name for name in known if name.startswith(tuple(prefixes)))


def _notice(event: stripe.Event) -> Notice:
    return Notice(
        id=printable(event.id)[:255],
        type=printable(event.type)[:100],
        object_id=printable(getattr(event.data.object, "id", ""))[:255],
        happened_at=datetime.fromtimestamp(int(event.created), UTC),
        stranger=_stranger(event),
    )


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
