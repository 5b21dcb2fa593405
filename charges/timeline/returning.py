"""What went back of the charge: refunds and disputes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from charges.models import Dispute, Origin, Refund
from charges.timeline.story import Entry, Story
from wallets import money


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
            f"Refund {row.id} {_maker(story, row)}: {' and '.join(parts)}."
            + (f" Reason: {row.reason}." if row.reason else ""),
            {**about, "status": row.status, "origin": row.origin},
        )
        if row.succeeded_at:
            text = f"Refund {row.id} succeeded.{_given_back(story, row.split_reversals)}"
            yield Entry(row.succeeded_at, "refund.succeeded", text, about)
        if row.failed_at:
            undone = " What it had moved was moved back." if row.succeeded_at else ""
            text = f"Refund {row.id} failed ({row.failure_code}): {row.failure_message}{undone}"
            yield Entry(row.failed_at, "refund.failed", text, about)


def disputes(story: Story) -> Iterator[Entry]:
    for row in story.charge.disputes.prefetch_related("movements", "allocations").order_by("id"):
        kind = "inquiry" if row.is_inquiry else "dispute"
        data = {"external_id": row.external_id, "status": row.status, "reason": row.reason}
        yield Entry(
            max(row.opened_at, story.charge.succeeded_at or story.charge.created_at),
            "dispute.opened",
            f"A {kind} of {story.money(row.amount)} was opened: {row.reason}.",
            data,
        )
        if row.closed_at:
            text = f"The {kind} was closed: {row.status}."
            yield Entry(row.closed_at, "dispute.closed", text, data)
        yield from _movements(row)
        yield from _allocations(story, row)


def _movements(dispute: Dispute) -> Iterator[Entry]:
    """What the bank took and gave back, when we heard of it."""
    for row in dispute.movements.all():
        verb = "took" if row.amount > 0 else "gave back"
        moved = money.with_code(abs(row.amount), dispute.currency)
        fee = f", fee {money.with_code(row.fee, row.fee_currency)}" if row.fee else ""
        data = {
            "external_id": dispute.external_id,
            "movement": row.external_id,
            "amount": money.to_decimal(row.amount, dispute.currency),
            "fee": money.to_decimal(row.fee, row.fee_currency),
            "fee_currency": row.fee_currency,
        }
        text = f"For dispute {dispute.external_id} the bank {verb} {moved}{fee}."
        yield Entry(row.created_at, "dispute.funds", text, data)


def _allocations(story: Story, dispute: Dispute) -> Iterator[Entry]:
    """Who bore what of the loss, and that it was undone."""
    for row in dispute.allocations.all():
        borne = f"{story.money(row.amount)} of dispute {dispute.external_id}"
        data = {"external_id": dispute.external_id, "amount": story.amount(row.amount)}
        text = f"{borne} come off the card leg.{_given_back(story, row.split_reversals)}"
        yield Entry(row.created_at, "dispute.allocated", text, data)
        if row.reversed_at:
            text = f"{borne} come off the card leg no more; recipients have their part again."
            yield Entry(row.reversed_at, "dispute.reversed", text, data)


def _maker(story: Story, row: Refund) -> str:
    if row.origin == Origin.PROCESSOR:
        return f"made at the processor ({row.external_refund_id})"
    return f"asked by {story.actor(row.actor)}"


def reopening(story: Story) -> Iterator[Entry]:
    if story.charge.reopened_at:
        text = "What it paid for was reopened: another charge is to pay it."
        yield Entry(story.charge.reopened_at, "reopened", text)


def _given_back(story: Story, reversals: Iterable[dict[str, Any]]) -> str:
    words = []
    for reversal in reversals:
        owed = reversal["receivable"]
        given = reversal["amount"] - owed
        parts = [f"gave back {story.money(given)}"] if given else []
        parts += [f"owes {story.money(owed)}"] if owed else []
        words.append(f"{reversal['recipient']} {' and '.join(parts)}")
    return f" {', '.join(words)}." if words else ""
