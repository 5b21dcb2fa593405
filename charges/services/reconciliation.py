"""Doors: all intents, refunds and disputes at the processor against those here.

Both ways, in batches, reading only. What is only unsettled here can be repaired: by asking the
processor and settling through the same doors as everything else, on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from charges import attempts, comparison
from charges.comparison import Difference
from charges.gateway import disputes, intents
from charges.gateway import refunds as card_refunds
from charges.gateway.client import NotUnderstood, Refused, Unreadable
from charges.gateway.disputes import CardDispute
from charges.gateway.intents import Intent
from charges.gateway.refunds import CardRefund
from charges.models import (
    Charge,
    ChargeStatus,
    Dispute,
    Refund,
    RefundStatus,
)
from charges.services.refunding import matching
from charges.services.reviews import record
from charges.services.sync_disputes import ChargeNotSettled, DisputeMoving, sync_dispute
from charges.services.sync_intents import sync_intent
from charges.services.sync_refunds import RefundUnsettled, sync_refund
from foundation.actors import Actor

BATCH = 500
Progress = Callable[[int], None]
T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """What was compared, and where the two sides differ."""

    intents: int = 0
    refunds: int = 0
    disputes: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return all(difference.is_repaired for difference in self.differences)


def size(*, since: datetime | None) -> int:
    """About how many intents and refunds there are to compare."""
    return _charges(since).count() + _refunds(since).count()


def reconcile(
    *,
    since: datetime | None,
    is_repairing: bool,
    by: Actor,
    now: datetime,
    progress: Progress = lambda _: None,
) -> Report:
    """Every difference between the processor and us, since that moment or ever.

    What differs is read again before it counts, so that what was under way does not. With
    `is_repairing` the safe ones are repaired, each on record. Raises what the gateway raises.
    """
    report = Report()
    found = [
        *_compare_intents(since, report, progress),
        *_compare_refunds(since, report, progress),
        *_compare_disputes(since, report),
    ]
    for difference in found:
        if again := _look_again(difference, now):
            report.differences.append(_repair(again, by, now) if is_repairing else again)
    return report


def _compare_intents(
    since: datetime | None, report: Report, progress: Progress
) -> Iterator[Difference]:
    seen: set[UUID] = set()
    for batch in _batches(intents.since(since)):
        stored, mentioned = _charges_of(batch)
        for intent in batch:
            charge = stored.get(intent.id)
            if charge:
                seen.add(charge.id)
            if isinstance(intent, Intent):
                charge = charge or mentioned.get(intent.charge_id)
            if difference := comparison.of_charge(charge, intent):
                yield difference
        report.intents += len(batch)
        progress(len(batch))
    for charge in _charges(since).iterator(BATCH):
        if charge.id not in seen and (
            difference := comparison.of_charge(charge, _intent(charge.external_charge_id))
        ):
            yield difference


def _compare_refunds(
    since: datetime | None, report: Report, progress: Progress
) -> Iterator[Difference]:
    seen: set[UUID] = set()
    for batch in _batches(card_refunds.since(since)):
        for remote in batch:
            refund = _matching(remote)
            if refund:
                seen.add(refund.id)
            if difference := _of_refund(refund, remote):
                yield difference
        report.refunds += len(batch)
        progress(len(batch))
    for refund in _refunds(since).iterator(BATCH):
        if refund.id not in seen and (
            difference := comparison.of_refund(refund, _refund(refund.external_refund_id))
        ):
            yield difference


def _compare_disputes(since: datetime | None, report: Report) -> Iterator[Difference]:
    """What callbacks should have told us, and what Stripe does not know; few, so one by one."""
    seen: set[str] = set()
    for remote in disputes.since(since):
        report.disputes += 1
        seen.add(remote.id)
        if difference := _of_dispute(remote.id, remote):
            yield difference
    for external_id in _disputes(since).values_list("external_id", flat=True):
        if external_id not in seen and (
            difference := _of_dispute(external_id, _dispute(external_id))
        ):
            yield difference


def _of_dispute(external_id: str, remote: CardDispute | Unreadable | None) -> Difference | None:
    dispute = Dispute.objects.filter(external_id=external_id).select_related("charge").first()
    charge = dispute.charge if dispute else None
    if isinstance(remote, CardDispute):
        charge = Charge.objects.filter(external_charge_id=remote.intent_id).first()
    return comparison.of_dispute(charge, dispute, remote)


def _of_refund(refund: Refund | None, remote: CardRefund | Unreadable | None) -> Difference | None:
    """A refund that nobody made here is told with the charge that it is of, if that is ours."""
    charge = None
    if refund is None and isinstance(remote, CardRefund):
        charge = Charge.objects.filter(external_charge_id=remote.intent_id).first()
    return comparison.of_refund(refund, remote, charge)


def _matching(remote: CardRefund | Unreadable) -> Refund | None:
    if isinstance(remote, CardRefund):
        return matching(remote)
    return Refund.objects.filter(external_refund_id=remote.id).first()


def _charges(since: datetime | None) -> QuerySet[Charge]:
    """Those that the processor should know."""
    is_collected = Q(status=ChargeStatus.SUCCEEDED, external_amount__gt=0)
    rows = Charge.objects.filter(Q(external_charge_id__isnull=False) | is_collected)
    return rows.filter(created_at__gte=since) if since else rows


def _refunds(since: datetime | None) -> QuerySet[Refund]:
    """Those that the processor should know."""
    rows = Refund.objects.filter(external_amount__gt=0)
    rows = rows.filter(Q(external_refund_id__isnull=False) | Q(status=RefundStatus.SUCCEEDED))
    return rows.filter(created_at__gte=since) if since else rows


def _disputes(since: datetime | None) -> QuerySet[Dispute]:
    rows = Dispute.objects.order_by("id")
    return rows.filter(opened_at__gte=since) if since else rows


def _charges_of(batch: list[Intent | Unreadable]) -> tuple[dict[str, Charge], dict[str, Charge]]:
    """The charges that have these intents, by the intent; those that they name, by the charge."""
    ids = [intent.id for intent in batch]
    stored = {
        c.external_charge_id or "": c for c in Charge.objects.filter(external_charge_id__in=ids)
    }
    read = [intent for intent in batch if isinstance(intent, Intent)]
    others = [_uuid(intent.charge_id) for intent in read if intent.id not in stored]
    mentioned = Charge.objects.filter(id__in=[other for other in others if other])
    return stored, {str(charge.id): charge for charge in mentioned}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _intent(external_id: str | None) -> Intent | Unreadable | None:
    return _retrieved(intents.retrieve, external_id)


def _refund(external_id: str | None) -> CardRefund | Unreadable | None:
    return _retrieved(card_refunds.retrieve, external_id)


def _dispute(external_id: str) -> CardDispute | Unreadable | None:
    return _retrieved(disputes.retrieve, external_id)


def _retrieved(retrieve: Callable[[str], T], external_id: str | None) -> T | Unreadable | None:
    """The object as it stands; None when the processor does not know it."""
    try:
        return retrieve(external_id) if external_id else None
    except Refused:
        return None
    except NotUnderstood as error:
        is_unknown = isinstance(error.__cause__, Refused)
        return None if is_unknown else Unreadable(external_id or "", str(error))


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _look_again(difference: Difference, now: datetime) -> Difference | None:
    """The difference as it is now; None when it is gone, or somebody is asking."""
    if "dispute" in difference.kind:
        return _of_dispute(difference.external_id, _dispute(difference.external_id))
    if "refund" in difference.kind:
        remote = _refund(difference.external_id)
        refund = Refund.objects.filter(id=difference.refund_id or UUID(int=0)).first()
        refund = refund or (_matching(remote) if remote else None)
        again = _of_refund(refund, remote)
        is_under_way = refund is not None and attempts.is_under_way(refund, now)
    else:
        charge = Charge.objects.filter(id=difference.charge_id or UUID(int=0)).first()
        again = comparison.of_charge(charge, _intent(difference.external_id))
        is_under_way = charge is not None and attempts.is_under_way(charge, now)
    return None if is_under_way else again


def _repair(difference: Difference, by: Actor, now: datetime) -> Difference:
    """The safe difference is gone, and on record; others stay as they are."""
    if difference.kind not in comparison.SAFE or difference.charge_id is None:
        return difference
    try:
        _settle(difference, by, now)
    except (ChargeNotSettled, DisputeMoving, RefundUnsettled):
        return difference
    if _look_again(difference, now):
        return difference
    with transaction.atomic(durable=True):
        record(
            difference.charge_id,
            difference.refund_id,
            outcome="repaired",
            reason=f"Reconciliation found it {difference.kind}: here {difference.here}.",
            evidence=f"{difference.external_id} is {difference.there}.",
            by=by,
            now=now,
        )
    return replace(difference, is_repaired=True)


def _settle(difference: Difference, by: Actor, now: datetime) -> None:
    """The doors of callbacks are told what was found."""
    if "dispute" in difference.kind:
        sync_dispute(external_id=difference.external_id, by=by, now=now)
    elif "refund" in difference.kind:
        sync_refund(external_id=difference.external_id, by=by, now=now)
    else:
        sync_intent(intent_id=difference.external_id, by=by, now=now)
