"""What went back of the charge: refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from charges.timeline.story import Entry, Story


def refunds(story: Story) -> Iterator[Entry]:
    for row in story.refunds:
        about = {"refund_id": str(row.id), "amount": story.amount(row.amount)}
        parts = [
            f"{story.money(part)} {where}"
            for part, where in (
                (row.external_amount, "to the card"),
                (row.wallet_amount, "into the wallet"),
            )
            if part
        ]
        yield Entry(
            row.created_at,
            "refund.created",
            f"Refund {row.id} asked by {story.actor(row.actor)}: {' and '.join(parts)}."
            + (f" Reason: {row.reason}." if row.reason else ""),
            {**about, "status": row.status},
        )
        if row.succeeded_at:
            text = f"Refund {row.id} succeeded.{_given_back(story, row.split_reversals)}"
            yield Entry(row.succeeded_at, "refund.succeeded", text, about)
        if row.failed_at:
            undone = " What it had moved was moved back." if row.succeeded_at else ""
            text = f"Refund {row.id} failed ({row.failure_code}): {row.failure_message}{undone}"
            yield Entry(row.failed_at, "refund.failed", text, about)


def disputes(story: Story) -> Iterator[Entry]:
    for row in story.charge.disputes.order_by("id"):
        kind = "inquiry" if row.is_inquiry else "dispute"
        data = {"external_id": row.external_id, "status": row.status, "reason": row.reason}
        yield Entry(
            max(row.opened_at, story.charge.succeeded_at or story.charge.created_at),
            "dispute.opened",
            f"A {kind} of {story.money(row.amount)} was opened: {row.reason}.",
            data,
        )
        if row.closed_at:
            taken = ""
            if row.external_leg:
                taken = f" {story.money(row.external_leg)} of the card leg were reversed."
            text = f"The {kind} was closed: {row.status}.{taken}"
            text += _given_back(story, row.split_reversals)
            yield Entry(row.closed_at, "dispute.closed", text, data)


def reopening(story: Story) -> Iterator[Entry]:
    if story.charge.reopened_at:
        text = "What it paid for was reopened: another charge is to pay it."
        yield Entry(story.charge.reopened_at, "reopened", text)


def _given_back(story: Story, reversals: Iterable[dict[str, Any]]) -> str:
    words = []
    for reversal in reversals:
        lacked = reversal["receivable"]
        owed = f" ({story.money(lacked)} of it receivable)" if lacked else ""
        words.append(f"{reversal['recipient']} gave back {story.money(reversal['amount'])}{owed}")
    return f" {', '.join(words)}." if words else ""
