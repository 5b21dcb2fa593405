"""Steps of time passing: reminders, overdue parts, late fees, defaults; each set-based."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Sum

from installments import collection, facts, late_fees, revisions, standing, transitions
from installments.as_of import AsOf
from installments.models import (
    LATE,
    Change,
    Installment,
    InstallmentOrder,
    InstallmentQuerySet,
    InstallmentStatus,
    OrderStatus,
)
from installments.revisions import Changed
from partners import rows
from partners.actors import Actor
from wallets import money
from webhooks import events


def remind(as_of: AsOf, *, limit: int, by: Actor, now: datetime) -> int:
    """Parts that are tried for the first time within settings.DUE_SOON are announced, once each."""
    soon = Installment.objects.filter(
        as_of.until("next_attempt_at", ahead=settings.DUE_SOON),
        status=InstallmentStatus.PENDING,
        attempts=0,
        reminded_at=None,
    ).order_by("next_attempt_at")
    found = _claim(soon, limit) if settings.DUE_SOON else []
    for installment in found:
        installment.reminded_at = now
    rows.update(found, ["reminded_at"])
    events.publish([facts.of_installment(part, "due_soon") for part in found], by=by, now=now)
    return len(found)


def mark_overdue(as_of: AsOf, *, limit: int, by: Actor, now: datetime) -> int:
    """Unpaid parts whose due date and grace are over are overdue, their orders past due."""
    late = Installment.objects.filter(
        as_of.until("overdue_from"),
        status=InstallmentStatus.PENDING,
        order__status=OrderStatus.ACTIVE,
    ).order_by("overdue_from", "id")
    found = _claim(late, limit)
    for installment in found:
        installment.status, installment.overdue_at = InstallmentStatus.OVERDUE, now
        installment.updated_at = now
    rows.update(found, ["status", "overdue_at", "updated_at"])
    standing.update(found, now)
    events.publish([facts.of_installment(part, "overdue") for part in found], by=by, now=now)
    return len(found)


def add_late_fees(as_of: AsOf, *, limit: int, by: Actor, now: datetime) -> int:
    """Late parts whose days of grace are over owe the fee that their orders agreed on."""
    late = Installment.objects.filter(
        as_of.until("late_fee_from"), status__in=LATE, order__status=OrderStatus.ACTIVE
    ).order_by("late_fee_from", "id")
    found = _claim(late, limit)
    fees = Installment.objects.filter(order__in={part.order_id for part in found}).order_by()
    so_far = dict(fees.values_list("order").annotate(Sum("late_fee")))
    changes = []
    for part in found:
        fee = _fee(part, so_far[part.order_id])
        so_far[part.order_id] += fee
        part.late_fee, part.late_fee_from, part.updated_at = fee, None, now
        if fee:
            changes.append(_owing(part))
    rows.update(found, ["late_fee", "late_fee_from", "updated_at"])
    revisions.record(changes, reason="Agreed on with the order.", by=by, now=now)
    return len(found)


def mark_defaulted(as_of: AsOf, *, limit: int, by: Actor, now: datetime) -> int:
    """Active orders with a part that failed too long ago are defaulted; nothing more is tried."""
    late = InstallmentOrder.objects.filter(
        as_of.until("default_at", zone="timezone"), status=OrderStatus.ACTIVE
    )
    found = list(late.order_by("id").select_for_update(skip_locked=True)[:limit])
    transitions.default(found, by=by, now=now)
    return len(found)


def _claim(parts: InstallmentQuerySet, limit: int) -> list[Installment]:
    """With their charges, of which events show the failure."""
    return collection.claim(parts.select_related("charge"), limit=limit)


def _fee(part: Installment, so_far: int) -> int:
    terms = part.order.late_fee
    return late_fees.of(terms, part.amount, so_far=so_far, currency=part.currency) if terms else 0


def _owing(part: Installment) -> Changed:
    def owed(minor: int) -> dict[str, object]:
        fee = money.text(minor, part.currency)
        return {"installments": [{"installment_number": part.installment_number, "late_fee": fee}]}

    return Changed(part.order, Change.LATE_FEE_ADDED, before=owed(0), after=owed(part.late_fee))
