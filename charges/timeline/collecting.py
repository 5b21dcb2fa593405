"""How the charge was collected: the legs, the attempts, the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from charges import declines
from charges.hooks import hooks
from charges.models import (
    OPEN,
    CardAttempt,
    ChargeStatus,
    Outcome,
    ProcessorEvent,
    RefundStatus,
    Source,
)
from charges.serializers import shown_shares
from charges.timeline.story import Entry, Story, time

ANSWERS = {
    Outcome.SUCCEEDED: "it succeeded",
    Outcome.DECLINED: "it was declined",
    Outcome.REQUIRES_ACTION: "the cardholder must authenticate",
    Outcome.WAITING: "it is still waiting",
    Outcome.CANCELED: "it is canceled",
    Outcome.REFUSED: "it was refused",
    Outcome.NOT_EXECUTED: "the processor would not look at it now; nothing happened",
    Outcome.REFUSED_FOR_NOW: "it was refused for now; nothing happened",
    Outcome.UNKNOWN: "no answer; the money may have moved",
    Outcome.NOT_UNDERSTOOD: "an answer that was not understood",
    Outcome.DIFFERS: "an answer that differs from what was asked",
}

HEARD = {
    Source.CALLBACK: "Stripe told us",
    Source.LIST: "No callback told us, Stripe's list of events did:",
    Source.LATE_CALLBACK: "Before a callback told us, Stripe's list of events did:",
}


def beginning(story: Story) -> Iterator[Entry]:
    charge = story.charge
    means = "the wallet first" if charge.use_wallet else "without the wallet"
    card = f", then the card {charge.card}" if charge.card else ""
    yield Entry(
        charge.created_at,
        "created",
        f"{story.money(charge.amount)} asked of {charge.customer_id} by "
        f"{story.actor(charge.actor)}: {means}{card}.",
        {"amount": story.amount(charge.amount), "actor": story.actor(charge.actor)},
    )
    if charge.decided_at:
        yield Entry(charge.decided_at, "decided", _legs(story), _legs_data(story))


def _legs(story: Story) -> str:
    charge = story.charge
    had = charge.wallet_available
    wallet = "No wallet could be used"
    if had is not None:
        wallet = f"The wallet had {story.money(had)} available"
    if not charge.wallet_amount + charge.external_amount:
        return f"{wallet}, and there was no card for the rest."
    parts = []
    if charge.wallet_amount:
        verb = "held" if charge.external_amount else "taken"
        parts.append(f"{story.money(charge.wallet_amount)} {verb} in the wallet")
    if charge.external_amount:
        parts.append(f"{story.money(charge.external_amount)} to be taken from the card")
    return f"{wallet}: {', '.join(parts)}."


def _legs_data(story: Story) -> dict[str, Any]:
    had = story.charge.wallet_available
    return {
        "wallet_available": None if had is None else story.amount(had),
        "wallet_amount": story.amount(story.charge.wallet_amount),
        "external_amount": story.amount(story.charge.external_amount),
    }


def attempts(story: Story) -> Iterator[Entry]:
    rows = list(CardAttempt.objects.filter(charge=story.charge).order_by("id"))
    own = [row for row in rows if row.refund_id is None]
    for row in rows:
        yield _attempt(story, row)
    yield from _cut_off(story, own, story.charge.attempts)


def _attempt(story: Story, row: CardAttempt) -> Entry:
    refund = next((r for r in story.refunds if r.id == row.refund_id), None)
    asked = story.money(refund.external_amount if refund else story.charge.external_amount)
    what = f"refund of {asked} to the card" if refund else f"{asked} from the card"
    codes = " / ".join(dict.fromkeys(filter(None, (row.code, row.decline_code))))
    why = f" ({codes})" if codes else ""
    message = f": {row.message}" if row.message else ""
    then = f" Asked again at {time(row.next_attempt_at)}." if row.next_attempt_at else ""
    return Entry(
        row.started_at,
        "attempt",
        f"Attempt {row.number}, {what}: {ANSWERS[Outcome(row.outcome)]}{why}{message}"
        f"{'' if message.endswith('.') else '.'}{then}",
        {
            "number": row.number,
            "outcome": row.outcome,
            "external_id": row.external_id or None,
            "code": row.code or None,
            "decline_code": row.decline_code or None,
            "advice_code": row.advice_code or None,
            "duration_ms": row.duration_ms,
            "next_attempt_at": time(row.next_attempt_at),
            "refund_id": str(row.refund_id) if row.refund_id else None,
        },
    )


def _cut_off(story: Story, rows: list[CardAttempt], begun: int) -> Iterator[Entry]:
    """Attempts without a record, told before the next one that has one."""
    numbers = {row.number: row for row in rows}
    is_open = story.charge.status in OPEN
    for number in range(1, begun + 1):
        after = next((numbers[n] for n in range(number, begun + 1) if n in numbers), None)
        if number in numbers or (after is None and is_open):
            continue
        at = after.started_at if after else story.charge.updated_at
        text = f"Attempt {number} was cut off before an answer was recorded."
        yield Entry(at, "attempt.cut_off", text, {"number": number})


def processor_events(story: Story) -> Iterator[Entry]:
    for row in ProcessorEvent.objects.filter(charge=story.charge).order_by("received_at", "id"):
        yield Entry(
            row.processed_at or row.received_at,
            "processor_event",
            f"{HEARD[Source(row.source)]} {row.type} of {row.object_id}. {row.outcome}",
            {"id": row.id, "type": row.type, "object_id": row.object_id, "source": row.source},
        )


def resolutions(story: Story) -> Iterator[Entry]:
    for row in story.charge.resolutions.order_by("id"):
        about = f"refund {row.refund_id}" if row.refund_id else "the charge"
        yield Entry(
            row.created_at,
            "resolution",
            f"Decided on {about} by {story.actor(row.actor)}: {row.outcome}. "
            f"{row.reason} Evidence: {row.evidence}",
            {"outcome": row.outcome, "reason": row.reason, "evidence": row.evidence},
        )


def outcome(story: Story) -> Iterator[Entry]:
    charge = story.charge
    if charge.action_expires_at and charge.status == ChargeStatus.REQUIRES_ACTION:
        yield Entry(
            charge.updated_at,
            "requires_action",
            f"It waits for the cardholder until {time(charge.action_expires_at)}; "
            f"{story.money(charge.wallet_amount)} stay held in the wallet.",
            {"expires_at": time(charge.action_expires_at)},
        )
    if charge.cancel_requested_at:
        text = "It is not wanted any more: its intent will be canceled at the processor."
        yield Entry(charge.cancel_requested_at, "cancel_requested", text)
    if charge.succeeded_at:
        yield Entry(charge.succeeded_at, "succeeded", "The charge succeeded.")
        yield from _shares(story, charge.succeeded_at)
    if charge.failed_at:
        yield from _failed(story, charge.failed_at)
    if charge.canceled_at:
        text = f"The charge was canceled.{_released(story)}"
        yield Entry(charge.canceled_at, "canceled", text)


def _released(story: Story) -> str:
    held = story.charge.wallet_amount
    return f" {story.money(held)} were released in the wallet." if held else ""


KINDS = {
    declines.Category.OURS: "Not the card's fault",
    declines.Category.AUTHENTICATION: "An authentication decline",
    declines.Category.UNKNOWN: "An unknown decline",
}


def _failed(story: Story, at: datetime) -> Iterator[Entry]:
    failure = story.charge.failure or {}
    known = declines.classify(
        story.charge.failure_code,
        story.charge.failure_decline_code,
        story.charge.failure_advice_code,
    )
    kind = KINDS.get(known.category, f"A {known.category} decline")
    yield Entry(
        at,
        "failed",
        f"The charge failed: {failure.get('message')} {known.meaning} "
        f"{kind}: {declines.MEANING[known.category]}{_released(story)}",
        {**failure, "next_attempt_at": time(failure.get("next_attempt_at"))},
    )
    if story.charge.is_for_order and (outlook := hooks().describe_outlook(story.charge)):
        yield Entry(at, "outlook", outlook)


def _shares(story: Story, at: datetime) -> Iterator[Entry]:
    charge = story.charge
    if not charge.split_shares and not charge.late_fee:
        return
    shares = shown_shares(charge.split_shares, charge.currency)
    words = [f"{share['recipient']} {share['amount']}" for share in shares]
    words += [f"late fee {story.money(charge.late_fee)}"] if charge.late_fee else []
    yield Entry(
        at,
        "shares",
        f"Shared: {', '.join(words)}; revenue {story.money(charge.revenue)}.",
        {
            "split_shares": shares,
            "late_fee": story.amount(charge.late_fee),
            "revenue": story.amount(charge.revenue),
        },
    )


def what_comes_next(story: Story) -> Iterator[Entry]:
    charge = story.charge
    if charge.needs_review:
        text = f"It waits for a person: {charge.needs_review}"
        yield Entry(charge.updated_at, "next", text)
    if charge.next_attempt_at:
        text = "The processor is asked again."
        if charge.status == ChargeStatus.PENDING:
            text = "A worker collects it."
        elif charge.cancel_requested_at:
            text = "The processor is asked to cancel the intent."
        elif charge.waiting_since:
            text = "It waits for its turn: as many charges ask this card as networks let decline."
        yield Entry(charge.next_attempt_at, "next", text)
    for row in story.refunds:
        if row.status == RefundStatus.PENDING and row.next_attempt_at:
            text = f"The processor is asked about refund {row.id} again."
            yield Entry(row.next_attempt_at, "next", text)
