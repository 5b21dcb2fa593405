"""A card leg is one PaymentIntent: created unconfirmed, its id stored, then confirmed off session.

Only the stored intent is ever confirmed, and an intent succeeds at most once, so that no retry can
charge twice, whatever was lost on the way. Idempotency keys are the charge and its attempt, both
stored before the call: an attempt is never repeated, and an error never replayed to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from charges import card_money
from charges.declines import NO_FAILURE, Failure
from charges.gateway.client import (
    Declined,
    NotUnderstood,
    OutcomeUnknown,
    Refused,
    Unreadable,
    ask,
    client,
    created_since,
    pages,
    plain,
    printable,
    understood,
    units,
)
from charges.models import Charge

AUTHENTICATE = "authentication_required"


@dataclass(frozen=True, slots=True)
class Intent:
    """A PaymentIntent as far as we need it; amounts in our minor units, currency upper-case.

    `amount_received` is what it collected.
    """

    id: str
    status: str
    amount: int
    currency: str
    charge_id: str
    amount_received: int = 0
    client_secret: str = ""
    failure: Failure = NO_FAILURE

    @property
    def asks_cardholder(self) -> bool:
        """The cardholder must authenticate: on a page of the partner's, or the bank's."""
        is_declined_for_it = self.status == "requires_payment_method" and AUTHENTICATE in (
            self.failure.code,
            self.failure.decline_code,
        )
        return self.status == "requires_action" or is_declined_for_it

    @property
    def is_open(self) -> bool:
        """It may still succeed."""
        return self.status not in ("succeeded", "canceled")

    @property
    def may_move_money(self) -> bool:
        """It did, or may still."""
        return self.status != "canceled"


def create(charge: Charge, *, customer: str | None) -> Intent:
    """An unconfirmed intent for the card leg exists. Money cannot move by it alone.

    Raises Refused for an amount that no card takes.
    """
    params: Any = {
        "amount": units(charge.external_amount, charge.currency),
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


def retrieve(intent_id: str | None) -> Intent:
    """The intent as it stands; one that the processor does not know is left to staff."""
    try:
        return _intent(lambda: client().v1.payment_intents.retrieve(intent_id or ""))
    except Refused as refusal:
        raise NotUnderstood(refusal.message) from refusal


def cancel(intent_id: str) -> Intent:
    """The intent is canceled, or as it stands when it cannot be: succeeded, say."""
    try:
        return _intent(lambda: client().v1.payment_intents.cancel(intent_id))
    except Refused:
        return retrieve(intent_id)
    except OutcomeUnknown as error:
        if not error.is_answered:
            raise
        return retrieve(intent_id)


def since(moment: datetime | None) -> Iterator[Intent | Unreadable]:
    """Every intent of the account that was created since then, newest first, page by page."""
    return understood(_read, pages(client().v1.payment_intents.list, created_since(moment)))


def _intent(question: Callable[[], Any]) -> Intent:
    try:
        return _read(ask(question))
    except Declined as declined:
        return _read(declined.intent)


def _read(raw: Any) -> Intent:
    try:
        data = plain(raw)
        error = data.get("last_payment_error") or {}
        currency = str(data["currency"]).upper()
        return Intent(
            id=str(data["id"]),
            status=str(data["status"]),
            amount=card_money.from_processor(int(data["amount"]), currency),
            amount_received=card_money.from_processor(int(data["amount_received"]), currency),
            currency=currency,
            charge_id=str((data.get("metadata") or {}).get("charge_id", "")),
            client_secret=printable(data.get("client_secret")),
            failure=Failure(
                code=printable(error.get("code")),
                message=printable(error.get("message")),
                decline_code=printable(error.get("decline_code")),
                advice_code=printable(error.get("advice_code")),
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise NotUnderstood(printable(f"The answer is not a PaymentIntent: {fault}")) from fault
