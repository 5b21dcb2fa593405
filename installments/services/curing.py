"""Doors: an order that went wrong is collected again, in part or in whole, or given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from charges import reopening as charge_reopening
from charges.models import Charge, DisputeStatus
from foundation.actors import Actor
from installments import charge_hooks, planning, reopening, schedule, transitions
from installments.models import (
    LATE,
    UNPAID,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)
from installments.services.lifecycle import OrderDisputed, end_charges
from installments.services.locking import (
    ChargeInProgress,
    InvalidTransition,
    check,
    locked,
    locked_installment,
)
from wallets import money
from wallets.rehearsal import rehearsal

S = OrderStatus
REOPENABLE = (S.ACTIVE, S.PAUSED, S.COMPLETED, S.DEFAULTED)


class ArrearsOwed(Exception):
    """Carries late installments, and paid ones whose payment a bank took back for good."""

    def __init__(self, late: Sequence[Installment], lost: Sequence[Installment]) -> None:
        currency = [*late, *lost][0].currency
        total = money.with_code(sum(installment.owed for installment in [*late, *lost]), currency)
        words = [
            *(_of(installment) for installment in late),
            *(f"{_of(installment)} was lost in a dispute, reopen it" for installment in lost),
        ]
        super().__init__(f"{total} is still owed: {'; '.join(words)}.")


class OrderNotPastDue(Exception):
    def __init__(self) -> None:
        super().__init__("The order is not past due: cancel it, or wait for what is owed.")


def reinstate_order(
    *, order_id: UUID, reason: str = "", by: Actor, now: datetime
) -> InstallmentOrder:
    """The defaulted order whose arrears are paid is active again. An active one stays as it is.

    Raises InvalidTransition, OrderDisputed, ChargeInProgress, ArrearsOwed.
    """
    with transaction.atomic(durable=True):
        return _reinstate(order_id, reason, by, now)


def rehearse_reinstatement(*, order_id: UUID, now: datetime) -> list[Installment]:
    """The installments as they would be collected again; nothing is kept.

    Raises what `reinstate_order` raises.
    """
    with rehearsal() as (by, _):
        order = _reinstate(order_id, "", by, now)
        return list(order.installments.filter(status__in=UNPAID))


def reopen_installment(
    *,
    installment_id: UUID,
    due_date: date | None = None,
    reason: str = "",
    by: Actor,
    now: datetime,
) -> Installment:
    """The paid installment whose charge was refunded or lost in full is unpaid again, due on that
    local date (today unless given). Others that the same charge paid off are too, on their own
    dates, or today. An unpaid installment stays as it is.

    Raises InvalidTransition, ChargeInProgress, InvalidSchedule, OrderDisputed, RefundInProgress,
    ChargeKept.
    """
    with transaction.atomic(durable=True):
        _reopen(installment_id, due_date, reason, by, now)
    return Installment.objects.select_related("order", "charge").get(id=installment_id)


def rehearse_reopening(
    *, installment_id: UUID, due_date: date | None, now: datetime
) -> list[Installment]:
    """The installments as they would be reopened; nothing is kept. Raises what the door raises."""
    with rehearsal() as (by, _):
        return _reopen(installment_id, due_date, "", by, now)


def write_off_order(*, order_id: UUID, reason: str, by: Actor, now: datetime) -> InstallmentOrder:
    """What is unpaid of the defaulted or past-due order is given up for good. Open charges are
    canceled, at once or by the processor; one that it collects at this moment is paid.

    Raises InvalidTransition, OrderNotPastDue, and ProcessorUnavailable as `cancel_order`.
    """
    with transaction.atomic(durable=True):
        order = locked(order_id)
        if order.status != S.WRITTEN_OFF:
            check(order, "written off", S.ACTIVE, S.PAUSED, S.DEFAULTED)
            if order.status != S.DEFAULTED and not order.past_due:
                raise OrderNotPastDue
            transitions.write_off(order, reason=reason, by=by, now=now)
    end_charges(order_id, by=by, now=now)
    order.refresh_from_db()
    return order


def _reinstate(order_id: UUID, reason: str, by: Actor, now: datetime) -> InstallmentOrder:
    order = locked(order_id)
    if order.status == S.ACTIVE:
        return order
    check(order, "reinstated", S.DEFAULTED)
    if charge_hooks.has_open_dispute(order):
        raise OrderDisputed
    installments = list(Installment.objects.filter(order=order).order_by("id").select_for_update())
    if any(installment.status == InstallmentStatus.PROCESSING for installment in installments):
        raise ChargeInProgress
    _check_arrears(order)
    transitions.reinstate(order, reason=reason, by=by, now=now)
    return order


def _check_arrears(order: InstallmentOrder) -> None:
    """Raises ArrearsOwed."""
    installments = order.installments.select_related("order").order_by("installment_number")
    late = installments.filter(status__in=LATE)
    lost = installments.filter(
        status=InstallmentStatus.PAID, charge__disputes__status=DisputeStatus.LOST
    )
    if late or lost:
        raise ArrearsOwed(list(late), list(lost.distinct()))


def _reopen(
    installment_id: UUID, due_date: date | None, reason: str, by: Actor, now: datetime
) -> list[Installment]:
    installment = locked_installment(installment_id)
    order, charge = installment.order, installment.charge
    if installment.status in UNPAID and due_date in (None, installment.due_date):
        return [installment]
    today = schedule.local_date(now, order.timezone)
    if due_date is not None:
        planning.check_due_date(due_date, today, "due_date")
    if installment.status == InstallmentStatus.PROCESSING:
        raise ChargeInProgress
    if installment.status != InstallmentStatus.PAID or charge is None:
        raise InvalidTransition("installment", installment.status, "reopened")
    check(order, "reopened", *REOPENABLE)
    paid = Installment.objects.filter(order=order, charge=charge, status=InstallmentStatus.PAID)
    installments = list(paid.order_by("id").select_for_update())
    due_dates = {other.id: max(other.due_date, today) for other in installments}
    due_dates[installment.id] = due_date or today
    _reopen_charge(order, charge, now)
    reopening.reopen(order, installments, due_dates=due_dates, reason=reason, by=by, now=now)
    return installments


def _reopen_charge(order: InstallmentOrder, charge: Charge, now: datetime) -> None:
    """Raises OrderDisputed, RefundInProgress, ChargeKept."""
    charge = Charge.objects.select_for_update(of=("self",)).get(id=charge.id)
    # A completed order would be collected although a bank holds money of it back.
    if charge.is_disputed or (order.status == S.COMPLETED and charge_hooks.has_open_dispute(order)):
        raise OrderDisputed
    charge_reopening.reopen(charge, now)


def _of(installment: Installment) -> str:
    owed = money.with_code(installment.owed, installment.currency)
    return f"part {installment.installment_number} of {owed}"
