"""The seam to Stripe: our words on one side, the SDK on the other. No transaction is open here.

A card leg is one PaymentIntent: created unconfirmed, its id stored, then confirmed off session.
Only the stored intent is ever confirmed, and an intent succeeds at most once, so that no retry can
charge twice, whatever was lost on the way. Idempotency keys are the charge and its attempt, both
stored before the call: an attempt is never repeated, and an error never replayed to the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import stripe
import structlog
from django.conf import settings

from charges.models import Charge

FINAL = {"succeeded", "requires_payment_method", "canceled"}
"""States of an intent in which the card leg has an outcome."""

logger = structlog.get_logger(__name__)


class OutcomeUnknown(Exception):
    """The question may have been executed: a timeout, a reset, a 5xx, an answer without sense."""


class NotUnderstood(OutcomeUnknown):
    """An answer that is no answer: staff should know."""


class NotExecuted(Exception):
    """The processor refused to look at it now (429, 409, 401): nothing happened."""


class Refused(Exception):
    """The request can never work (an unknown payment method, an amount it does not take)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent as far as we need it; amounts in minor units, currency upper-case."""

    id: str
    status: str
    amount: int
    currency: str
    charge_id: str
    failure_code: str = ""
    failure_decline_code: str = ""
    failure_message: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    external_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@cache
def client() -> stripe.StripeClient:
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT),
        max_network_retries=0,
    )


def create(charge: Charge, *, customer: str | None) -> Intent:
    """An unconfirmed intent for the card leg exists. Money cannot move by it alone."""
    params: Any = {
        "amount": charge.external_amount,
        "currency": charge.currency.lower(),
        "payment_method": charge.card,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"charge_id": str(charge.id), "partner_id": str(charge.partner_id)},
    }
    if customer:
        params["customer"] = customer
    if charge.description:
        params["description"] = charge.description
    return _intent(
        lambda: client().v1.payment_intents.create(
            params=params, options={"idempotency_key": f"{charge.id}:create:{charge.attempts}"}
        )
    )


def confirm(charge: Charge) -> Intent:
    """The stored intent is confirmed, off session; a decline is an intent with a failure."""
    key = f"{charge.id}:confirm:{charge.attempts}"
    return _intent(
        lambda: client().v1.payment_intents.confirm(
            charge.external_charge_id or "",
            params={"off_session": True},
            options={"idempotency_key": key},
        )
    )


def retrieve(charge: Charge) -> Intent:
    """The stored intent as it stands; one that the processor does not know is left to staff."""
    try:
        return _intent(
            lambda: client().v1.payment_intents.retrieve(charge.external_charge_id or "")
        )
    except Refused as refusal:
        raise NotUnderstood(refusal.message) from refusal


def create_customer(*, partner_id: str, customer_id: str) -> str:
    """The id of the Stripe customer for ours."""
    customer = _ask(
        lambda: client().v1.customers.create(
            params={"metadata": {"partner_id": partner_id, "customer_id": customer_id}},
            options={"idempotency_key": f"{partner_id}:{customer_id}:customer"},
        )
    )
    return str(customer.id)


def attach(payment_method: str, *, customer: str) -> Card:
    """The card belongs to the customer. Raises Refused when it does not exist or is declined.

    One that was attached before, when the answer was lost perhaps, is refused again by the
    processor: then it counts whose it is.
    """
    methods = client().v1.payment_methods
    try:
        method = _ask(lambda: methods.attach(payment_method, params={"customer": customer}))
    except Refused:
        method = _ask(lambda: methods.retrieve(payment_method))
        if method.customer != customer:
            raise
    if method.card is None:
        raise Refused("not_a_card", "Only cards are taken.")
    card = method.card
    return Card(method.id, card.brand, card.last4, card.exp_month, card.exp_year)


def detach(payment_method: str) -> None:
    """The card belongs to nobody; one that the processor has forgotten does so already."""
    try:
        _ask(lambda: client().v1.payment_methods.detach(payment_method))
    except Refused as refusal:
        logger.info("payment_method.detached_already", reason=refusal.message)


def _intent(ask: Any) -> Intent:
    try:
        return _read(_ask(ask))
    except _Declined as declined:
        return _read(declined.intent)


class _Declined(Exception):
    def __init__(self, intent: Any) -> None:
        super().__init__()
        self.intent = intent


def _ask(ask: Any) -> Any:
    """What Stripe answers, its errors in our words."""
    try:
        return ask()
    except stripe.CardError as error:
        intent = getattr(error.error, "payment_intent", None)
        if intent is not None:
            raise _Declined(intent) from error
        raise Refused(error.code or "card_declined", error.user_message or "Declined.") from error
    except (stripe.RateLimitError, stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.error("stripe.refused_us", error=str(error))  # noqa: TRY400 -- no traceback needed
        raise NotExecuted(str(error)) from error
    except stripe.IdempotencyError as error:
        raise OutcomeUnknown(str(error)) from error
    except stripe.InvalidRequestError as error:
        raise _invalid(error) from error
    except (stripe.StripeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, stripe.StripeError) and error.http_status == 409:
            raise NotExecuted(str(error)) from error
        raise _unknown(error) from error


def _unknown(error: Exception) -> OutcomeUnknown:
    """What was not answered, and what was answered with something else than JSON."""
    text = _printable(f"{type(error).__name__}: {error}")[:300]
    status = getattr(error, "http_status", None)
    is_garbage = not isinstance(error, stripe.StripeError) or (status or 500) < 500
    return NotUnderstood(text) if is_garbage else OutcomeUnknown(text)


def _invalid(error: stripe.InvalidRequestError) -> Exception:
    if error.http_status == 409:
        return NotExecuted(str(error))
    if error.code == "payment_intent_unexpected_state":
        return OutcomeUnknown(str(error))
    message = _printable(error.user_message or str(error))
    return Refused(_printable(error.code or "invalid_request"), message)


def _read(raw: Any) -> Intent:
    try:
        data = raw.to_dict() if isinstance(raw, stripe.StripeObject) else dict(raw)
        failure = data.get("last_payment_error") or {}
        return Intent(
            id=str(data["id"]),
            status=str(data["status"]),
            amount=int(data["amount"]),
            currency=str(data["currency"]).upper(),
            charge_id=str((data.get("metadata") or {}).get("charge_id", "")),
            failure_code=_printable(failure.get("code")),
            failure_decline_code=_printable(failure.get("decline_code")),
            failure_message=_printable(failure.get("message")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotUnderstood(_printable(f"An answer that is no PaymentIntent: {error}")) from error


def _printable(text: Any) -> str:
    """Their words without what a database or a terminal would stumble over."""
    return "".join(character for character in str(text or "") if character.isprintable())
