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
        return CardDispute(
            id=str(data["id"]),
            status=printable(data["status"])[:32],
            amount=card_money.from_processor(int(data["amount"]), currency),
            currency=currency,
            intent_id=str(data.get("payment_intent") or ""),
            reason=printable(data.get("reason"))[:64],
            created_at=datetime.fromtimestamp(int(data["created"]), UTC),
            evidence_due_at=datetime.fromtimestamp(int(due_by), UTC) if due_by else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(printable(f"An answer that is no Dispute: {error}")) from error
