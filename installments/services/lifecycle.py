"""Doors: an order is activated, paused, resumed, canceled. Asking for what is succeeds."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction

from charges import services as charges
from charges.models import OPEN, Charge
from foundation.actors import Actor
from installments import charge_hooks, transitions
from installments.models import InstallmentOrder, OrderStatus
from installments.services.locking import check, locked

S = OrderStatus


class OrderDisputed(Exception):
    def __init__(self) -> None:
        super().__init__("A payment of the order is disputed: that must end first.")


def activate_order(*, order_id: UUID, by: Actor, now: datetime) -> InstallmentOrder:
    """The order is active: its installments fall due. Raises InvalidTransition."""
    with transaction.atomic(durable=True):
        order = locked(order_id)
        if order.status != S.ACTIVE:
            check(order, "activated", S.PENDING)
            transitions.activate(order, is_new=False, by=by, now=now)
        return order


def pause_order(*, order_id: UUID, reason: str = "", by: Actor, now: datetime) -> InstallmentOrder:
    """Nothing of the order is collected until somebody resumes it; a charge that the processor has
    ends by itself. Raises InvalidTransition.
    """
    with transaction.atomic(durable=True):
        order = locked(order_id)
        check(order, "paused", S.ACTIVE, S.PAUSED)
        if order.status == S.ACTIVE:
            transitions.pause(order, is_on_request=True, reason=reason, by=by, now=now)
        elif order.is_paused_by_disputes:
            transitions.hold(order, reason=reason, by=by, now=now)
        return order


def resume_order(
    *, order_id: UUID, is_shifted: bool = False, reason: str = "", by: Actor, now: datetime
) -> InstallmentOrder:
    """The order is collected again, on its dates or shifted by the time that it was paused.

    Raises InvalidTransition, OrderDisputed.
    """
    with transaction.atomic(durable=True):
        order = locked(order_id)
        check(order, "resumed", S.ACTIVE, S.PAUSED)
        if order.status == S.PAUSED:
            if charge_hooks.has_open_dispute(order):
                raise OrderDisputed
            transitions.resume(order, is_shifted=is_shifted, reason=reason, by=by, now=now)
        return order


def cancel_order(*, order_id: UUID, reason: str = "", by: Actor, now: datetime) -> InstallmentOrder:
    """Nothing more is collected; what is paid stays paid. Open charges are canceled, at once or by
    the processor; one that it collects at this moment is paid.

    Raises InvalidTransition, and ProcessorUnavailable when the order is canceled but one of its
    charges may still be paid: a sweep asks again, and so does repeating this.
    """
    with transaction.atomic(durable=True):
        order = locked(order_id)
        if order.status != S.CANCELED:
            check(order, "canceled", S.PENDING, S.ACTIVE, S.PAUSED)
            transitions.cancel(order, reason=reason, by=by, now=now)
    end_charges(order_id, by=by, now=now)
    return order


def end_charges(order_id: UUID, *, by: Actor, now: datetime) -> None:
    """The processor has canceled the order's charges whose end is wanted, or collected them.

    Raises ProcessorUnavailable.
    """
    wanted = Charge.objects.filter(
        installment_order_id=order_id, status__in=OPEN, cancel_requested_at__isnull=False
    )
    for charge in wanted:
        with suppress(charges.ChargeNotCancelable):  # it has ended meanwhile
            charges.cancel(charge_id=charge.id, by=by, now=now)
