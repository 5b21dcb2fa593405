"""Why a charge is what it is: every fact about it in order, in words and numbers.

Derived from what is stored for other reasons, so it cannot disagree with it. A fixed number of
queries, whatever the charge went through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from charges import collection, declines
from charges.models import (
    OPEN,
    CardAttempt,
    Charge,
    ChargeStatus,
    Outcome,
    ProcessorEvent,
    Refund,
    RefundStatus,
)
from charges.serializers import shown_shares
from wallets import money
from wallets.models import LedgerEntry, LedgerTransaction
from webhooks.models import Delivery, Event
from webhooks.serializers import shown_url

# Facts of one moment, in the order in which they follow from each other.
ORDER = [
    "created", "decided", "refund.created", "attempt", "attempt.cut_off", "processor_event",
    "resolution", "requires_action", "succeeded", "failed", "canceled", "refund.succeeded",
    "refund.failed", "dispute.opened", "dispute.closed", "ledger", "shares", "event", "delivery",
    "outlook", "next",
]  # fmt: skip
ANSWERS = {
    Outcome.SUCCEEDED: "it succeeded",
    Outcome.DECLINED: "it was declined",
    Outcome.REQUIRES_ACTION: "the cardholder must authenticate",
    Outcome.WAITING: "it is still waiting",
    Outcome.CANCELED: "it is canceled",
    Outcome.REFUSED: "it was refused",
    Outcome.NOT_EXECUTED: "the processor would not look at it now; nothing happened",
    Outcome.UNKNOWN: "no answer; the money may have moved",
    Outcome.NOT_UNDERSTOOD: "an answer that made no sense",
    Outcome.DIFFERS: "an answer that differs from what was asked",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact: `text` for people, `data` for programs."""

    at: datetime
    type: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


def of(charge: Charge, *, names_staff: bool = False) -> list[Entry]:
    """The charge's facts, oldest first; what is still to come last.

    With `names_staff` persons and commands are named; partners see that it was the operator.
    """
    story = _Story(charge, names_staff)
    entries = [
        *story.beginning(), *story.attempts(), *story.processor_events(), *story.resolutions(),
        *story.outcome(), *story.refunds(), *story.disputes(), *story.ledger(), *story.events(),
        *story.next(),
    ]  # fmt: skip
    return sorted(entries, key=lambda entry: (entry.at, ORDER.index(entry.type)))


class _Story:
    def __init__(self, charge: Charge, names_staff: bool) -> None:
        self.charge, self.names_staff = charge, names_staff
        self.refunds_made = list(Refund.objects.filter(charge=charge).order_by("id"))

    def money(self, minor: int) -> str:
        return f"{money.text(minor, self.charge.currency)} {self.charge.currency}"

    def amount(self, minor: int) -> str:
        return money.text(minor, self.charge.currency)

    def actor(self, name: str) -> str:
        is_partner = name.startswith("api_key:")
        return name if self.names_staff or is_partner else "the operator"

    def beginning(self) -> Iterator[Entry]:
        charge = self.charge
        means = "the wallet first" if charge.use_wallet else "without the wallet"
        card = f", then the card {charge.card}" if charge.card else ""
        yield Entry(
            charge.created_at,
            "created",
            f"{self.money(charge.amount)} asked of {charge.customer_id} by "
            f"{self.actor(charge.actor)}: {means}{card}.",
            {"amount": self.amount(charge.amount), "actor": self.actor(charge.actor)},
        )
        if charge.decided_at:
            yield Entry(charge.decided_at, "decided", self._legs(), self._legs_data())

    def _legs(self) -> str:
        charge = self.charge
        had = charge.wallet_available
        wallet = "No wallet could be used"
        if had is not None:
            wallet = f"The wallet had {self.money(had)} available"
        if not charge.wallet_amount + charge.external_amount:
            return f"{wallet}, and there was no card for the rest."
        parts = []
        if charge.wallet_amount:
            verb = "held" if charge.external_amount else "taken"
            parts.append(f"{self.money(charge.wallet_amount)} {verb} in the wallet")
        if charge.external_amount:
            parts.append(f"{self.money(charge.external_amount)} to be taken from the card")
        return f"{wallet}: {', '.join(parts)}."

    def _legs_data(self) -> dict[str, Any]:
        had = self.charge.wallet_available
        return {
            "wallet_available": None if had is None else self.amount(had),
            "wallet_amount": self.amount(self.charge.wallet_amount),
            "external_amount": self.amount(self.charge.external_amount),
        }

    def attempts(self) -> Iterator[Entry]:
        rows = list(CardAttempt.objects.filter(charge=self.charge).order_by("id"))
        own = [row for row in rows if row.refund_id is None]
        for row in rows:
            yield self._attempt(row)
        yield from self._cut_off(own, self.charge.attempts)

    def _attempt(self, row: CardAttempt) -> Entry:
        refund = next((r for r in self.refunds_made if r.id == row.refund_id), None)
        asked = self.money(refund.external_amount if refund else self.charge.external_amount)
        what = f"refund {asked} to the card" if refund else f"take {asked} from the card"
        codes = " / ".join(dict.fromkeys(filter(None, (row.code, row.decline_code))))
        why = f" ({codes})" if codes else ""
        said = f": {row.message}" if row.message else ""
        then = f" Asked again at {_time(row.next_attempt_at)}." if row.next_attempt_at else ""
        return Entry(
            row.started_at,
            "attempt",
            f"Attempt {row.number}, asked to {what}: {ANSWERS[Outcome(row.outcome)]}{why}{said}"
            f"{'' if said.endswith('.') else '.'}{then}",
            {
                "number": row.number,
                "outcome": row.outcome,
                "external_id": row.external_id or None,
                "code": row.code or None,
                "decline_code": row.decline_code or None,
                "advice_code": row.advice_code or None,
                "duration_ms": row.duration_ms,
                "next_attempt_at": _time(row.next_attempt_at),
                "refund_id": str(row.refund_id) if row.refund_id else None,
            },
        )

    def _cut_off(self, rows: list[CardAttempt], begun: int) -> Iterator[Entry]:
        """Attempts without a record, told before the next one that has one."""
        numbers = {row.number: row for row in rows}
        is_open = self.charge.status in OPEN
        for number in range(1, begun + 1):
            after = next((numbers[n] for n in range(number, begun + 1) if n in numbers), None)
            if number in numbers or (after is None and is_open):
                continue
            at = after.started_at if after else self.charge.updated_at
            text = f"Attempt {number} was cut off before an answer was recorded."
            yield Entry(at, "attempt.cut_off", text, {"number": number})

    def processor_events(self) -> Iterator[Entry]:
        for row in ProcessorEvent.objects.filter(charge=self.charge).order_by("received_at", "id"):
            yield Entry(
                row.received_at,
                "processor_event",
                f"Stripe told us {row.type} of {row.object_id}. {row.outcome}",
                {"id": row.id, "type": row.type, "object_id": row.object_id},
            )

    def resolutions(self) -> Iterator[Entry]:
        for row in self.charge.resolutions.order_by("id"):
            about = f"refund {row.refund_id}" if row.refund_id else "the charge"
            yield Entry(
                row.created_at,
                "resolution",
                f"{self.actor(row.actor).capitalize()} decided on {about}: {row.outcome}. "
                f"{row.reason} Evidence: {row.evidence}",
                {"outcome": row.outcome, "reason": row.reason, "evidence": row.evidence},
            )

    def outcome(self) -> Iterator[Entry]:
        charge = self.charge
        if charge.action_expires_at and charge.status == ChargeStatus.REQUIRES_ACTION:
            yield Entry(
                charge.updated_at,
                "requires_action",
                f"It waits for the cardholder until {_time(charge.action_expires_at)}; "
                f"{self.money(charge.wallet_amount)} stay held in the wallet.",
                {"expires_at": _time(charge.action_expires_at)},
            )
        if charge.succeeded_at:
            yield Entry(charge.succeeded_at, "succeeded", "The charge succeeded.")
            yield from self._shares(charge.succeeded_at)
        if charge.failed_at:
            yield from self._failed(charge.failed_at)
        if charge.canceled_at:
            text = f"The charge was canceled.{self._released()}"
            yield Entry(charge.canceled_at, "canceled", text)

    def _released(self) -> str:
        held = self.charge.wallet_amount
        return f" {self.money(held)} were released in the wallet." if held else ""

    def _failed(self, at: datetime) -> Iterator[Entry]:
        failure = self.charge.failure or {}
        known = declines.look_up(
            self.charge.failure_code,
            self.charge.failure_decline_code,
            self.charge.failure_advice_code,
        )
        yield Entry(
            at,
            "failed",
            f"The charge failed: {failure.get('message')} {known.meaning} A {known.category} "
            f"decline: {declines.MEANING[known.category]}{self._released()}",
            failure,
        )
        if self.charge.installment_id and (outlook := collection.owner().outlook(self.charge)):
            yield Entry(at, "outlook", outlook)

    def _shares(self, at: datetime) -> Iterator[Entry]:
        charge = self.charge
        if not charge.split_shares:
            return
        shares = shown_shares(charge.split_shares, charge.currency)
        revenue = charge.amount - sum(share["amount"] for share in charge.split_shares)
        words = ", ".join(f"{share['recipient']} {share['amount']}" for share in shares)
        yield Entry(
            at,
            "shares",
            f"Shared: {words}; revenue {self.money(revenue)}.",
            {"split_shares": shares, "revenue": self.amount(revenue)},
        )

    def refunds(self) -> Iterator[Entry]:
        for row in self.refunds_made:
            about = {"refund_id": str(row.id), "amount": self.amount(row.amount)}
            parts = [
                f"{self.money(part)} {where}"
                for part, where in (
                    (row.external_amount, "to the card"),
                    (row.wallet_amount, "into the wallet"),
                )
                if part
            ]
            yield Entry(
                row.created_at,
                "refund.created",
                f"Refund {row.id} asked by {self.actor(row.actor)}: {' and '.join(parts)}."
                + (f" Reason: {row.reason}." if row.reason else ""),
                {**about, "status": row.status},
            )
            if row.succeeded_at:
                text = f"Refund {row.id} succeeded.{self._given_back(row.split_reversals)}"
                yield Entry(row.succeeded_at, "refund.succeeded", text, about)
            if row.failed_at:
                undone = " What it had moved was moved back." if row.succeeded_at else ""
                text = f"Refund {row.id} failed ({row.failure_code}): {row.failure_message}{undone}"
                yield Entry(row.failed_at, "refund.failed", text, about)

    def _given_back(self, reversals: Iterable[dict[str, Any]]) -> str:
        words = []
        for reversal in reversals:
            lacked = reversal["receivable"]
            owed = f" ({self.money(lacked)} of it receivable)" if lacked else ""
            words.append(
                f"{reversal['recipient']} gave back {self.money(reversal['amount'])}{owed}"
            )
        return f" {', '.join(words)}." if words else ""

    def disputes(self) -> Iterator[Entry]:
        for row in self.charge.disputes.order_by("id"):
            kind = "inquiry" if row.is_inquiry else "dispute"
            data = {"external_id": row.external_id, "status": row.status, "reason": row.reason}
            yield Entry(
                row.opened_at,
                "dispute.opened",
                f"A {kind} of {self.money(row.amount)} was opened: {row.reason}.",
                data,
            )
            if row.closed_at:
                taken = ""
                if row.external_leg:
                    taken = f" {self.money(row.external_leg)} of the card leg were reversed."
                text = f"The {kind} was closed: {row.status}.{taken}"
                text += self._given_back(row.split_reversals)
                yield Entry(row.closed_at, "dispute.closed", text, data)

    def ledger(self) -> Iterator[Entry]:
        posted = LedgerTransaction.objects.filter(charge_id=self.charge.id).order_by("id")
        posted = posted.prefetch_related("entries__wallet")
        for transaction in posted:
            lines = sorted(transaction.entries.all(), key=lambda entry: entry.id)
            words = ", ".join(f"{_account(e)} {self.amount(e.amount)}" for e in lines)
            yield Entry(
                transaction.created_at,
                "ledger",
                f"Posted ({transaction.kind}): {words}.",
                {
                    "transaction_id": str(transaction.id),
                    "kind": transaction.kind,
                    "entries": [self._line(entry) for entry in lines],
                },
            )

    def _line(self, entry: LedgerEntry) -> dict[str, Any]:
        line: dict[str, Any] = {"account": entry.account, "amount": self.amount(entry.amount)}
        if entry.wallet and entry.balance_before is not None and entry.balance_after is not None:
            line |= {
                "customer_id": entry.wallet.customer_id,
                "balance_before": self.amount(entry.balance_before),
                "balance_after": self.amount(entry.balance_after),
            }
        return line

    def events(self) -> Iterator[Entry]:
        ids = [self.charge.id, *(row.id for row in self.refunds_made)]
        told = Event.objects.filter(partner_id=self.charge.partner_id, resource_id__in=ids)
        told = told.prefetch_related("deliveries__endpoint", "deliveries__attempts")
        for event in told.order_by("id"):
            yield Entry(
                event.created_at,
                "event",
                f"Event {event.type}, number {event.sequence} of its resource.",
                {"event_id": str(event.id), "type": event.type, "sequence": event.sequence},
            )
            for delivery in event.deliveries.all():
                yield from _delivery(event, delivery)

    def next(self) -> Iterator[Entry]:
        charge = self.charge
        if charge.needs_review:
            text = f"It waits for a person: {charge.needs_review}"
            yield Entry(charge.updated_at, "next", text)
        if charge.next_attempt_at:
            text = "The processor is asked again."
            if charge.status == ChargeStatus.PENDING:
                text = "A worker collects it."
            yield Entry(charge.next_attempt_at, "next", text)
        for row in self.refunds_made:
            if row.status == RefundStatus.PENDING and row.next_attempt_at:
                text = f"The processor is asked about refund {row.id} again."
                yield Entry(row.next_attempt_at, "next", text)


def _account(entry: LedgerEntry) -> str:
    return f"wallet of {entry.wallet.customer_id}" if entry.wallet else entry.account


def _delivery(event: Event, delivery: Delivery) -> Iterator[Entry]:
    url = shown_url(delivery.endpoint)
    about = {"delivery_id": str(delivery.id), "event_type": event.type, "url": url}
    for attempt in delivery.attempts.all():
        answer = attempt.error or f"answered {attempt.response_status}"
        yield Entry(
            attempt.started_at,
            "delivery",
            f"{event.type} sent to {url}, attempt {attempt.number}: {answer}.",
            {**about, "number": attempt.number, "response_status": attempt.response_status},
        )
    if delivery.next_attempt_at:
        text = f"{event.type} is sent to {url}."
        yield Entry(delivery.next_attempt_at, "delivery", text, {**about, "number": None})


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
