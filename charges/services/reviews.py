"""Doors: what staff decide, on evidence, about charges and refunds that nothing else could end."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from charges import attempts, collection, deciding, locking
from charges.declines import Failure
from charges.gateway import intents
from charges.gateway import refunds as card_refunds
from charges.gateway.client import NotUnderstood
from charges.gateway.intents import Intent
from charges.gateway.refunds import CardRefund
from charges.models import (
    OPEN,
    WITH_PROCESSOR,
    CardAttempt,
    Charge,
    Dispute,
    Refund,
    RefundStatus,
    Resolution,
)
from charges.processor import charges as processor
from charges.processor import refunds as refund_processor
from charges.processor.availability import answer_needed
from charges.settlement import refunds as settlement
from foundation.actors import Actor
from wallets import money
from wallets.models import LedgerEntry
from wallets.rehearsal import rehearsal

SUCCEEDED, FAILED = "succeeded", "failed"
CODE = "resolved_by_staff"


class NothingToReview(Exception):
    """Only what waits for staff can be decided by them."""

    def __init__(self) -> None:
        super().__init__("It does not wait for a review.")


class ReviewInProgress(Exception):
    """A worker is asking the processor, or was meanwhile: its answer comes first."""

    def __init__(self) -> None:
        super().__init__("A worker is asking the processor just now. Look again in a minute.")


class EvidenceContradicts(Exception):
    """The processor, asked again, says plainly that it was otherwise."""

    def __init__(self, evidence: str) -> None:
        super().__init__(f"The processor contradicts: {evidence}")


def resolve_charge(
    *, charge_id: UUID, outcome: str, reason: str, by: Actor, now: datetime
) -> Charge:
    """The charge that needed a review is succeeded or failed, as staff found, and says so.

    The processor is asked once more. An intent that could still succeed is canceled before the
    charge fails. Raises NothingToReview, ReviewInProgress, EvidenceContradicts,
    ProcessorUnavailable.
    """
    charge = Charge.objects.get(id=charge_id)
    if charge.status not in WITH_PROCESSOR or not charge.needs_review:
        raise NothingToReview
    begun = _begun(charge, now)
    evidence = _evidence_about(charge, outcome)
    with transaction.atomic(durable=True):
        charge = locking.lock(charge_id)
        if charge.status not in WITH_PROCESSOR:
            raise NothingToReview
        if _begun(charge, now) != begun:
            raise ReviewInProgress
        record(charge.id, None, outcome=outcome, reason=reason, evidence=evidence, by=by, now=now)
        _conclude(charge, outcome, reason, by, now)
    return charge


def rehearse_resolution(*, charge_id: UUID, outcome: str, now: datetime) -> list[LedgerEntry]:
    """The entries that the decision would post; nothing is kept. Raises NothingToReview."""
    with rehearsal() as (by, entries):
        charge = locking.lock(charge_id)
        if charge.status not in WITH_PROCESSOR or not charge.needs_review:
            raise NothingToReview
        _conclude(charge, outcome, "", by, now)
    return entries


def _conclude(charge: Charge, outcome: str, reason: str, by: Actor, now: datetime) -> None:
    if outcome == SUCCEEDED:
        deciding.succeed(charge, now)
    else:
        deciding.fail(charge, Failure(CODE, reason), now)
    collection.conclude(charge, by=by, now=now)


def resolve_refund(
    *, refund_id: UUID, outcome: str, reason: str, by: Actor, now: datetime
) -> Refund:
    """The refund that needed a review is succeeded or failed, as staff found, and says so.

    Raises NothingToReview, ReviewInProgress, EvidenceContradicts, ProcessorUnavailable.
    """
    row = Refund.objects.select_related("charge").get(id=refund_id)
    if row.status != RefundStatus.PENDING or not row.needs_review:
        raise NothingToReview
    begun = _begun(row, now)
    evidence, external_id = _evidence_about_refund(row, outcome)
    with transaction.atomic(durable=True):
        charge, row = locking.lock_refund(row)
        if row.status != RefundStatus.PENDING:
            raise NothingToReview
        if _begun(row, now) != begun:
            raise ReviewInProgress
        row.external_refund_id = row.external_refund_id or external_id
        _conclude_refund(charge, row, outcome, reason, by, now)
        record(charge.id, row.id, outcome=outcome, reason=reason, evidence=evidence, by=by, now=now)
    return row


def rehearse_refund_resolution(
    *, refund_id: UUID, outcome: str, now: datetime
) -> list[LedgerEntry]:
    """The entries that the decision would post; nothing is kept. Raises NothingToReview."""
    found = Refund.objects.select_related("charge").get(id=refund_id)
    with rehearsal() as (by, entries):
        charge, row = locking.lock_refund(found)
        if row.status != RefundStatus.PENDING or not row.needs_review:
            raise NothingToReview
        _conclude_refund(charge, row, outcome, "", by, now)
    return entries


def _conclude_refund(
    charge: Charge, row: Refund, outcome: str, reason: str, by: Actor, now: datetime
) -> None:
    if outcome == SUCCEEDED:
        settlement.succeed(charge, row, by=by, now=now)
    else:
        settlement.fail(charge, row, Failure(CODE, reason), by=by, now=now)


def acknowledge(*, charge_id: UUID, reason: str, by: Actor, now: datetime) -> Charge:
    """Staff have seen what was flagged on an ended charge, its refunds and disputes, and dealt with
    it: the flags are gone, the reason stays. Raises NothingToReview.
    """
    with transaction.atomic(durable=True):
        charge = locking.lock(charge_id)
        texts = flags(charge_id=charge_id)
        if not texts:
            raise NothingToReview
        for rows in _flagged(charge_id):
            rows.update(needs_review="", updated_at=now)
        evidence = "; ".join(texts)
        record(
            charge.id,
            None,
            outcome="acknowledged",
            reason=reason,
            evidence=evidence,
            by=by,
            now=now,
        )
        charge.refresh_from_db()
        return charge


def flags(*, charge_id: UUID) -> list[str]:
    """What there is to acknowledge."""
    return [
        text for rows in _flagged(charge_id) for text in rows.values_list("needs_review", flat=True)
    ]


def _flagged(charge_id: UUID) -> list[QuerySet[Any]]:
    ended: list[QuerySet[Any]] = [
        Charge.objects.filter(id=charge_id).exclude(status__in=OPEN),
        Refund.objects.filter(charge_id=charge_id).exclude(status=RefundStatus.PENDING),
        Dispute.objects.filter(charge_id=charge_id),
    ]
    return [rows.exclude(needs_review="") for rows in ended]


def _evidence_about(charge: Charge, outcome: str) -> str:
    intent_id = charge.external_charge_id or _spoken_of(charge)
    if not intent_id:
        if outcome == SUCCEEDED:
            raise EvidenceContradicts("there is no intent.")
        return "There is no intent."
    with answer_needed():
        try:
            intent = intents.retrieve(intent_id)
            if outcome == FAILED and intent.is_open:
                intent = intents.cancel(intent.id)
        except NotUnderstood as error:
            return f"The processor's answer was not understood: {error}"
    _check(processor.find_mismatch(charge, intent), intent, outcome)
    return f"{intent.id} is {intent.status}: {money.with_code(intent.amount, intent.currency)}."


def _spoken_of(charge: Charge) -> str:
    """The intent that the processor last named: one that differs is not stored as the charge's."""
    named = CardAttempt.objects.filter(charge=charge, refund=None).exclude(external_id="")
    return named.order_by("-id").values_list("external_id", flat=True).first() or ""


def _begun(row: Charge | Refund, now: datetime) -> int:
    """How often it was begun: the same before and after means that nobody came between.

    Raises ReviewInProgress while somebody is asking.
    """
    if attempts.is_under_way(row, now):
        raise ReviewInProgress
    return row.attempts


def _evidence_about_refund(row: Refund, outcome: str) -> tuple[str, str | None]:
    """What the processor says, and the id of its refund if that is ours."""
    with answer_needed():
        try:
            card_refund = card_refunds.find(row, intent_id=row.charge.external_charge_id or "")
        except NotUnderstood as error:
            return f"The processor's answer was not understood: {error}", None
    if card_refund is None:
        if outcome == SUCCEEDED:
            raise EvidenceContradicts("there is no such refund.")
        return "There is no such refund.", None
    _check(refund_processor.find_mismatch(row, card_refund), card_refund, outcome)
    amount = money.with_code(card_refund.amount, card_refund.currency)
    return f"{card_refund.id} is {card_refund.status}: {amount}.", card_refund.id


def _check(differs: str, remote: Intent | CardRefund, outcome: str) -> None:
    """Raises EvidenceContradicts when the processor's object is ours and says otherwise: success
    needs its success, failure that no money moves any more.
    """
    is_agreed = remote.status == SUCCEEDED if outcome == SUCCEEDED else not remote.may_move_money
    if not differs and not is_agreed:
        raise EvidenceContradicts(f"{remote.id} is {remote.status}.")


def record(
    charge_id: UUID,
    refund_id: UUID | None,
    *,
    outcome: str,
    reason: str,
    evidence: str,
    by: Actor,
    now: datetime,
) -> None:
    """A step: the decision is on record, with who made it, why, and what the processor said."""
    Resolution.objects.create(
        charge_id=charge_id,
        refund_id=refund_id,
        outcome=outcome,
        reason=reason[:500],
        evidence=evidence[:500],
        actor=by.name,
        request_id=by.request_id,
        created_at=now,
    )
