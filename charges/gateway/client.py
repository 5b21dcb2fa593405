"""Asking Stripe: one client, its errors in our words. No transaction is open here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, TypeVar

import stripe
import structlog
from django.conf import settings

from charges import card_money, legs
from charges.gateway import limits

PAGE = 100
T = TypeVar("T")

logger = structlog.get_logger(__name__)


class OutcomeUnknown(Exception):
    """The question may have been executed: a timeout, a reset, a 5xx, an answer without sense.

    `is_answered` when the processor did answer, with an error of its own: it has stopped working on
    it.
    """

    def __init__(self, text: str, *, is_answered: bool = False) -> None:
        super().__init__(text)
        self.is_answered = is_answered


# What partners read in a timeline: the library's own words, in the log alone, may name our key,
# our account and where we connect to.
TOO_FAST = "The processor asked us to slow down."
KEY_REFUSED = "The processor refused our key."
KEY_REUSED = "The processor knows this request's key from another request."
BUSY = "The processor is still at an earlier request."
CROWDED = "As many requests as may be are with the processor."
SILENT = "The processor did not answer."
GARBAGE = "The processor's answer was not understood."


class NotUnderstood(OutcomeUnknown):
    """An answer that is no answer: staff should know."""


class NotExecuted(Exception):
    """The processor refused to look at it now (429, 409, 401): nothing happened."""


class NoRoom(NotExecuted):
    """As many of our questions are with the processor as may be at once."""


class Refused(Exception):
    """The request can never work (an unknown payment method, an amount it does not take).

    `is_decline` when it is the card that was refused.
    """

    def __init__(self, code: str, message: str, *, is_decline: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.is_decline = code, message, is_decline


class CustomerGone(Refused):
    """The processor has no such customer (any more, or in this account and mode)."""


class RefusedForNow(Refused):
    """The request works once something of ours changes there: no fault of the request."""


class Declined(Exception):
    """A card error; `intent` is the intent that it left behind, as Stripe sent it."""

    def __init__(self, intent: Any) -> None:
        super().__init__()
        self.intent = intent


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A listed object of which we know the id alone, and why."""

    id: str
    reason: str


@cache
def client() -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT),
        max_network_retries=0,
    )


@contextmanager
def conversation(*, is_batch: bool = False) -> Iterator[None]:
    """The questions of the block are one conversation among those that may be held at once.

    `is_batch` when nobody waits for it: then it leaves room for others. Raises NoRoom.
    """
    with limits.places.hold(is_batch=is_batch) as has_place:
        if not has_place:
            raise NoRoom(CROWDED)
        yield


def ask(question: Callable[[], Any]) -> Any:
    """What Stripe answers, at the pace that it allows.

    Raises Declined, Refused, CustomerGone, RefusedForNow, NotExecuted, NoRoom, NotUnderstood,
    OutcomeUnknown.
    """
    with conversation():
        if not limits.wait_for_turn():
            raise NotExecuted(TOO_FAST)
        return _answer(question)


def _answer(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except stripe.CardError as error:
        intent = getattr(error.error, "payment_intent", None)
        if intent is not None:
            raise Declined(intent) from error
        text = error.user_message or "Declined."
        raise Refused(error.code or "card_declined", text, is_decline=True) from error
    except (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.error("stripe.request_rejected", error=str(error))  # noqa: TRY400 -- no traceback needed
        is_fast = isinstance(error, stripe.RateLimitError)
        raise NotExecuted(TOO_FAST if is_fast else KEY_REFUSED) from error
    except stripe.IdempotencyError as error:
        raise OutcomeUnknown(KEY_REUSED) from error
    except stripe.InvalidRequestError as error:
        raise _invalid(error) from error
    except (stripe.StripeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, stripe.StripeError) and error.http_status == 409:
            raise NotExecuted(BUSY) from error
        raise _unknown(error) from error


def pages(listing: Callable[[Any], Any], params: dict[str, Any]) -> Iterator[Any]:
    """Everything that Stripe lists, newest first, page by page as it is read."""
    after: dict[str, Any] = {}
    while True:
        page = ask(partial(listing, {**params, "limit": PAGE, **after}))
        yield from page.data
        if not page.has_more:
            return
        after = {"starting_after": page.data[-1].id}


def understood(read: Callable[[Any], T], listed: Iterable[Any]) -> Iterator[T | Unreadable]:
    """What each listed object says; one without sense hides no other."""
    for raw in listed:
        try:
            yield read(raw)
        except NotUnderstood as error:
            yield Unreadable(printable(getattr(raw, "id", "")), str(error))


def created_since(moment: datetime | None) -> dict[str, Any]:
    """The list parameter for what was created at that moment or later; for all without one."""
    return {} if moment is None else {"created": {"gte": int(moment.timestamp())}}


def _unknown(error: Exception) -> OutcomeUnknown:
    """What was not answered, and what was answered with something else than JSON."""
    text = printable(f"{type(error).__name__}: {error}")[:300]
    logger.warning("stripe.unclear", error=text)
    status = getattr(error, "http_status", None)
    is_garbage = not isinstance(error, stripe.StripeError) or (status or 500) < 500
    if is_garbage:
        return NotUnderstood(GARBAGE)
    words = SILENT if status is None else f"The processor failed ({status})."
    return OutcomeUnknown(words, is_answered=status is not None)


PASSING = {"balance_insufficient"}
"""Codes of refusals that another day may not have: https://docs.stripe.com/error-codes."""


def _invalid(error: stripe.InvalidRequestError) -> Exception:
    if error.http_status == 409:
        return NotExecuted(BUSY)
    if error.code == "payment_intent_unexpected_state":
        return OutcomeUnknown(str(error), is_answered=True)
    message = printable(error.user_message or str(error))
    return _refusal(error)(printable(error.code or "invalid_request"), message)


def _refusal(error: stripe.InvalidRequestError) -> type[Refused]:
    if (error.code, error.param) == ("resource_missing", "customer"):
        return CustomerGone
    return RefusedForNow if error.code in PASSING else Refused


def units(minor: int, currency: str) -> int:
    """The processor's units of an amount that is sent to it. Raises Refused."""
    try:
        return card_money.to_processor(minor, currency)
    except card_money.Inexpressible as error:
        raise Refused(legs.NoCardLeg.AMOUNT, str(error)) from error


def printable(text: Any) -> str:
    """Their words without what a database or a terminal would stumble over."""
    return "".join(character for character in str(text or "") if character.isprintable())


def plain(raw: Any) -> dict[str, Any]:
    """A Stripe object as a dictionary. Raises NotUnderstood."""
    try:
        return dict(raw.to_dict() if hasattr(raw, "to_dict") else raw)
    except (TypeError, ValueError) as error:
        raise NotUnderstood(GARBAGE) from error
