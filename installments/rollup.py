"""`update`: the step by which orders stand as their installments do, in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

from foundation import rows, states
from installments.models import Installment, InstallmentOrder, OrderStatus

OPEN = (OrderStatus.ACTIVE, OrderStatus.PAUSED, OrderStatus.DEFAULTED)
"""States in which an order may be completed."""

MAY_COMPLETE = states.allowed(InstallmentOrder, "o.status", "x.status")
UPDATE = f"""
UPDATE installments_installmentorder o SET
    amount_paid = x.amount_paid, status = x.status, completed_at = x.completed_at,
    updated_at = x.updated_at,
    paused_at = CASE WHEN x.status = 'paused' THEN o.paused_at END,
    is_paused_on_request = x.status = 'paused' AND o.is_paused_on_request,
    past_due = EXISTS (
        SELECT 1 FROM installments_installment i WHERE i.order_id = o.id
        AND (i.status IN ('overdue', 'failed') OR i.status = 'processing'
             AND (i.overdue_at IS NOT NULL OR i.default_at IS NOT NULL))),
    default_at = (
        SELECT min(i.default_at) FROM installments_installment i
        WHERE i.order_id = o.id AND i.status = 'failed')
FROM json_populate_recordset(NULL::installments_installmentorder, %s) x
WHERE o.id = x.id AND (o.status = x.status OR {MAY_COMPLETE})
"""
COLUMNS = ["id", "amount_paid", "status", "completed_at", "updated_at"]


def update(installments: Iterable[Installment], now: datetime) -> list[InstallmentOrder]:
    """The orders of the written installments follow from them; returns those that this completed.

    The caller has locked both.
    """
    orders: Mapping[UUID, InstallmentOrder] = {i.order_id: i.order for i in installments}
    completed = []
    for order in orders.values():
        order.updated_at = now
        if order.status in OPEN and order.amount_paid == order.amount:
            order.status, order.completed_at = OrderStatus.COMPLETED, now
            order.past_due, order.is_paused_on_request = False, False
            order.default_at = order.paused_at = None
            completed.append(order)
    if orders:
        with connection.cursor() as cursor:
            values = ({c: getattr(o, c) for c in COLUMNS} for o in orders.values())
            cursor.execute(UPDATE, [rows.encode(values)])
            if cursor.rowcount != len(orders):
                raise states.IllegalMove(", ".join(f"{o}: {o.status}" for o in orders.values()))
    return completed
