"""What the charge left behind: ledger transactions, events and their deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from charges.timeline.story import Entry, Story
from wallets.models import LedgerEntry, LedgerTransaction
from webhooks.models import Delivery, Event


def ledger(story: Story) -> Iterator[Entry]:
    posted = LedgerTransaction.objects.filter(charge_id=story.charge.id).order_by("id")
    posted = posted.prefetch_related("entries__wallet", "entries__owed_by")
    for transaction in posted:
        lines = sorted(transaction.entries.all(), key=lambda entry: entry.id)
        words = ", ".join(f"{_account(e)} {story.amount(e.amount)}" for e in lines)
        yield Entry(
            transaction.created_at,
            "ledger",
            f"Posted ({transaction.kind}): {words}.",
            {
                "transaction_id": str(transaction.id),
                "kind": transaction.kind,
                "entries": [_line(story, entry) for entry in lines],
            },
        )


def _line(story: Story, entry: LedgerEntry) -> dict[str, Any]:
    line: dict[str, Any] = {"account": entry.account, "amount": story.amount(entry.amount)}
    if entry.wallet and entry.balance_before is not None and entry.balance_after is not None:
        line |= {
            "customer_id": entry.wallet.customer_id,
            "balance_before": story.amount(entry.balance_before),
            "balance_after": story.amount(entry.balance_after),
        }
    if entry.owed_by:
        line["owed_by"] = entry.owed_by.customer_id
    return line


def events(story: Story) -> Iterator[Entry]:
    ids = [story.charge.id, *(row.id for row in story.refunds)]
    published = Event.objects.filter(partner_id=story.charge.partner_id, resource_id__in=ids)
    published = published.prefetch_related("deliveries__endpoint", "deliveries__attempts")
    for event in published.order_by("id"):
        yield Entry(
            event.created_at,
            "event",
            f"Event {event.type}, number {event.sequence} of its resource.",
            {"event_id": str(event.id), "type": event.type, "sequence": event.sequence},
        )
        for delivery in event.deliveries.all():
            yield from _delivery(event, delivery)


def _account(entry: LedgerEntry) -> str:
    whose = entry.wallet or entry.owed_by
    return f"{entry.account} of {whose.customer_id}" if whose else entry.account


def _delivery(event: Event, delivery: Delivery) -> Iterator[Entry]:
    """Of the operator's endpoints status and time alone: partners read this."""
    is_partners = delivery.endpoint.partner_id is not None
    url = delivery.endpoint.url if is_partners else ""
    about = {"delivery_id": str(delivery.id), "event_type": event.type, "url": url}
    to = url or "the operator"
    for attempt in delivery.attempts.all():
        error = attempt.error if is_partners or not attempt.error else "no answer"
        answer = error or f"answered {attempt.response_status}"
        yield Entry(
            attempt.started_at,
            "delivery",
            f"{event.type} sent to {to}, attempt {attempt.number}: {answer}.",
            {**about, "number": attempt.number, "response_status": attempt.response_status},
        )
    if delivery.next_attempt_at:
        text = f"{event.type} is sent to {to}."
        yield Entry(delivery.next_attempt_at, "delivery", text, {**about, "number": None})
