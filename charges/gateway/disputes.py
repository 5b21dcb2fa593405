"""Disputes at Stripe."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from charges import card_money
from charges.gateway.client import (
    NotUnderstood,
    Unreadable,
    ask,
    client,
    created_since,
    pages,
    plain,
    printable,
    understood,
)


@dataclass(frozen=True, slots=True)
class CardMovement:
    """A balance transaction of a dispute: `amount` was taken by the bank, in minor units of the
    dispute's currency (negative: given back), and `fee` by Stripe, in those of its own.
    """

    id: str
    amount: int
    fee: int
    fee_currency: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class CardDispute:
    """A Dispute at Stripe as far as we need it; amounts in our minor units, currency upper-case."""

    id: str
    status: str
    amount: int
    currency: str
    intent_id: str
    reason: str
    created_at: datetime
    evidence_due_at: datetime | None
    movements: tuple[CardMovement, ...]


def retrieve(dispute_id: str) -> CardDispute:
    """Raises Refused for one that Stripe does not know."""
    return _read(ask(lambda: client().v1.disputes.retrieve(dispute_id)))


def since(moment: datetime | None) -> Iterator[CardDispute | Unreadable]:
    """Every dispute of the account that was opened since then, newest first, page by page."""
    return understood(_read, pages(client().v1.disputes.list, created_since(moment)))


def _read(raw: Any) -> CardDispute:
    try:
        data = plain(raw)
        due_by = (data.get("evidence_details") or {}).get("due_by")
        currency = str(data["currency"]).upper()
        amount = _minor(data["amount"], currency)
        moved = (_movement(plain(one), amount, currency) for one in data["balance_transactions"])
        return CardDispute(
            id=str(data["id"]),
            status=printable(data["status"])[:32],
            amount=amount,
            currency=currency,
            intent_id=str(data.get("payment_intent") or ""),
            reason=printable(data.get("reason"))[:64],
            created_at=datetime.fromtimestamp(int(data["created"]), UTC),
            evidence_due_at=datetime.fromtimestamp(int(due_by), UTC) if due_by else None,
            movements=tuple(sorted(moved, key=lambda movement: movement.happened_at)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(printable(f"The answer is not a Dispute: {error}")) from error


def _movement(data: dict[str, Any], disputed: int, currency: str) -> CardMovement:
    """One that was settled in another currency than the dispute moves all of it, whatever
    the day's rate made of it: https://docs.stripe.com/currencies/conversions.
    """
    settled = str(data["currency"]).upper()
    given = _minor(data["amount"], settled)
    if settled != currency:
        given = disputed * ((given > 0) - (given < 0))
    return CardMovement(
        id=str(data["id"]),
        amount=-given,
        fee=_minor(data.get("fee") or 0, settled),
        fee_currency=settled,
        happened_at=datetime.fromtimestamp(int(data["created"]), UTC),
    )


def _minor(amount: Any, currency: str) -> int:
    """Stripe's amount in our minor units of the currency."""
    return card_money.from_processor(int(amount), currency)
