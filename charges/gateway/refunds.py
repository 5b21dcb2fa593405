"""Refunds at Stripe. Each carries our refund's id, by which a lost one is found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from charges import card_money
from charges.gateway.client import (
    NotUnderstood,
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
from charges.models import Refund

REASONS = {"duplicate", "fraudulent", "requested_by_customer"}
"""The reasons that Stripe takes; others stay with us."""


@dataclass(frozen=True, slots=True)
class CardRefund:
    """A Refund at Stripe as far as we need it; amounts in our minor units, currency upper-case."""

    id: str
    status: str
    amount: int
    currency: str
    intent_id: str
    refund_id: str
    reason: str = ""
    failure_reason: str = ""

    @property
    def may_move_money(self) -> bool:
        """It did, or may still."""
        return self.status not in ("failed", "canceled")


def create(refund: Refund, *, intent_id: str) -> CardRefund:
    """The card gets its part back. Repeated under the same key it is the same refund."""
    params: Any = {
        "payment_intent": intent_id,
        "amount": units(refund.external_amount, refund.currency),
        "metadata": {"refund_id": str(refund.id), "charge_id": str(refund.charge_id)},
    }
    if refund.reason in REASONS:
        params["reason"] = refund.reason
    key = f"{refund.id}:refund:{refund.key_number}"
    return _read(
        ask(lambda: client().v1.refunds.create(params=params, options={"idempotency_key": key}))
    )


def find(refund: Refund, *, intent_id: str) -> CardRefund | None:
    """What became of the refund at Stripe; None when it never got there."""
    try:
        if refund.external_refund_id:
            return retrieve(refund.external_refund_id)
        listed = map(_read, pages(client().v1.refunds.list, {"payment_intent": intent_id}))
        return next((r for r in listed if r.refund_id == str(refund.id)), None)
    except Refused as refusal:  # it denies what it had told us before
        raise NotUnderstood(refusal.message) from refusal


def retrieve(external_id: str) -> CardRefund:
    """Raises Refused for one that Stripe does not know."""
    return _read(ask(lambda: client().v1.refunds.retrieve(external_id)))


def since(moment: datetime | None) -> Iterator[CardRefund | Unreadable]:
    """Every refund of the account that was created since then, newest first, page by page."""
    return understood(_read, pages(client().v1.refunds.list, created_since(moment)))


def _read(raw: Any) -> CardRefund:
    try:
        data = plain(raw)
        currency = str(data["currency"]).upper()
        return CardRefund(
            id=str(data["id"]),
            status=str(data["status"]),
            amount=card_money.from_processor(int(data["amount"]), currency),
            currency=currency,
            intent_id=str(data.get("payment_intent") or ""),
            refund_id=str((data.get("metadata") or {}).get("refund_id", "")),
            reason=printable(data.get("reason"))[:500],
            failure_reason=printable(data.get("failure_reason")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotUnderstood(printable(f"The answer is not a Refund: {error}")) from error
