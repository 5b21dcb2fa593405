"""`reopen`: the step by which installments whose money went back are unpaid again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from foundation import states
from foundation.actors import Actor
from installments import facts, revisions, rollup, schedule, transitions
from installments.models import (
    STARTED_OVER,
    Change,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)
from installments.revisions import Changed
from wallets import money
from webhooks import events

REOPENED = [*STARTED_OVER, "paid_at", "charge_id"]


def reopen(
    order: InstallmentOrder,
    installments: Sequence[Installment],
    *,
    due_dates: Mapping[UUID, date],
    reason: str,
    by: Actor,
    now: datetime,
) -> None:
    """The paid installments are due on these local dates (by their ids), with all tries before them
    and the late fees that they owed; those due today of a defaulted order are overdue. A completed
    order is active again. The caller has locked them and reopened their charge.
    """
    before = _shown(order, installments)
    if order.status == OrderStatus.COMPLETED:
        transitions.move(order, OrderStatus.ACTIVE, now, completed_at=None, defaulted_at=None)
    for installment in installments:
        installment.order = order
        order.amount_paid -= installment.amount
        _unpay(installment, due_dates[installment.id], now)
    states.transition(installments, REOPENED)
    rollup.update(installments, now)
    order.refresh_from_db()
    reopened = [facts.of_installment(installment, "reopened") for installment in installments]
    events.publish(reopened, by=by, now=now)
    changed = Changed(order, Change.REOPENED, before, _shown(order, installments))
    revisions.record([changed], reason=reason, by=by, now=now)


def _unpay(installment: Installment, day: date, now: datetime) -> None:
    installment.start_over(day, now)
    installment.paid_at = installment.charge = None
    # Of a defaulted order nothing becomes overdue by itself, and it must be in arrears.
    is_due = day <= schedule.local_date(now, installment.order.timezone)
    if is_due and installment.order.status == OrderStatus.DEFAULTED:
        installment.status, installment.overdue_at = InstallmentStatus.OVERDUE, now


def _shown(order: InstallmentOrder, installments: Sequence[Installment]) -> dict[str, Any]:
    return {
        "status": order.status,
        "amount_paid": money.to_decimal(order.amount_paid, order.currency),
        "installments": [
            {
                "installment_number": installment.installment_number,
                "due_date": installment.due_date.isoformat(),
                "status": installment.status,
            }
            for installment in installments
        ],
    }
