"""Steps of time passing: reminders, overdue installments, late fees, defaults; each set-based.

Of each: which rows it is about, and what becomes of those that the caller has claimed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db.models import Sum

from foundation import rows, states
from foundation.actors import Actor
from installments import collection, facts, late_fees, revisions, rollup
from installments.as_of import AsOf
from installments.models import (
    Change,
    Installment,
    InstallmentOrder,
    InstallmentQuerySet,
    InstallmentStatus,
    OrderQuerySet,
    OrderStatus,
)
from installments.revisions import Changed
from wallets import money
from webhooks import events


def to_remind_of(as_of: AsOf) -> InstallmentQuerySet:
    """Installments that are tried for the first time within settings.DUE_SOON and were not
    announced.
    """
    if not settings.DUE_SOON:
        return Installment.objects.none()
    return Installment.objects.filter(
        as_of.until("next_attempt_at", ahead=settings.DUE_SOON),
        status=InstallmentStatus.PENDING,
        attempts=0,
        reminded_at=None,
    ).order_by("next_attempt_at")


def remind(found: Sequence[Installment], *, by: Actor, now: datetime) -> None:
    """The installments are announced."""
    for installment in found:
        installment.reminded_at = now
    rows.update(found, ["reminded_at"])
    events.publish(
        [facts.of_installment(installment, "due_soon") for installment in found], by=by, now=now
    )


def becoming_overdue(as_of: AsOf) -> InstallmentQuerySet:
    """Unpaid installments whose due date and grace are over. Those that wait to be tried are those
    of active orders; the index holds them alone, however many orders have ended with unpaid
    installments.
    """
    return Installment.objects.filter(
        as_of.until("overdue_from"),
        status=InstallmentStatus.PENDING,
        next_attempt_at__isnull=False,
        order__status=OrderStatus.ACTIVE,
    ).order_by("overdue_from", "id")


def mark_overdue(found: Sequence[Installment], *, by: Actor, now: datetime) -> None:
    """The installments are overdue, their orders past due."""
    for installment in found:
        installment.status, installment.overdue_at = InstallmentStatus.OVERDUE, now
        installment.updated_at = now
    states.transition(found, ["status", "overdue_at", "updated_at"])
    rollup.update(found, now)
    events.publish(
        [facts.of_installment(installment, "overdue") for installment in found], by=by, now=now
    )


def owing_late_fees(as_of: AsOf) -> tuple[InstallmentQuerySet, InstallmentQuerySet]:
    """Late installments of active orders whose days of grace before a late fee are over: those that
    are still tried, and those whose tries are used up, which are found by their orders, about to
    default. So neither reads what orders left behind that defaulted.
    """
    late = Installment.objects.filter(as_of.until("late_fee_from"))
    tried = late.filter(
        status=InstallmentStatus.OVERDUE,
        next_attempt_at__isnull=False,
        order__status=OrderStatus.ACTIVE,
    )
    used_up = late.filter(
        status=InstallmentStatus.FAILED,
        order__status=OrderStatus.ACTIVE,
        order__default_at__isnull=False,
    )
    return tried.order_by("late_fee_from", "id"), used_up.order_by("id")


def add_late_fees(found: Sequence[Installment], *, by: Actor, now: datetime) -> None:
    """The installments owe the fee that their orders agreed on."""
    fees = Installment.objects.filter(
        order__in={installment.order_id for installment in found}
    ).order_by()
    so_far = dict(fees.values_list("order").annotate(Sum("late_fee")))
    changes = []
    for installment in found:
        fee = _fee(installment, so_far[installment.order_id])
        so_far[installment.order_id] += fee
        installment.late_fee, installment.late_fee_from, installment.updated_at = fee, None, now
        if fee:
            changes.append(_owing(installment))
    rows.update(found, ["late_fee", "late_fee_from", "updated_at"])
    revisions.record(changes, reason="Agreed on with the order.", by=by, now=now)


def defaulting(as_of: AsOf) -> OrderQuerySet:
    """Active orders with an installment that failed too long ago."""
    return InstallmentOrder.objects.filter(
        as_of.until("default_at", zone="timezone"), status=OrderStatus.ACTIVE
    ).order_by("id")


def claim_installments(installments: InstallmentQuerySet, limit: int) -> list[Installment]:
    """With their charges, of which events show the failure."""
    return collection.claim(installments.select_related("charge"), limit)


def claim_orders(orders: OrderQuerySet, limit: int) -> list[InstallmentOrder]:
    """Those that nobody else has locked, locked in the order of their keys."""
    return list(orders.order_by("id").select_for_update(skip_locked=True)[:limit])


def _fee(installment: Installment, so_far: int) -> int:
    terms = installment.order.late_fee
    return (
        late_fees.of(terms, installment.amount, so_far=so_far, currency=installment.currency)
        if terms
        else 0
    )


def _owing(installment: Installment) -> Changed:
    def owed(minor: int) -> dict[str, object]:
        fee = money.to_decimal(minor, installment.currency)
        return {
            "installments": [
                {"installment_number": installment.installment_number, "late_fee": fee}
            ]
        }

    return Changed(
        installment.order, Change.LATE_FEE_ADDED, before=owed(0), after=owed(installment.late_fee)
    )
