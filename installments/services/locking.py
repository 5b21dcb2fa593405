"""What doors on one order begin with: its lock, and whether its state allows what is asked."""

from __future__ import annotations

from uuid import UUID

from installments.models import (
    UNPAID,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)


class InvalidTransition(Exception):
    def __init__(self, what: str, status: str, wanted: str) -> None:
        super().__init__(f"The {what} is {status.replace('_', ' ')} and cannot be {wanted}.")


class ChargeInProgress(Exception):
    def __init__(self) -> None:
        super().__init__("A charge of this installment has no outcome yet.")


def locked(order_id: UUID) -> InstallmentOrder:
    return InstallmentOrder.objects.select_for_update().get(id=order_id)


def locked_installment(installment_id: UUID) -> Installment:
    """The installment with its order, both locked, parents before children."""
    order = locked(Installment.objects.values_list("order_id", flat=True).get(id=installment_id))
    installment = Installment.objects.select_for_update().get(id=installment_id)
    installment.order = order
    return installment


def check(order: InstallmentOrder, wanted: str, *allowed: OrderStatus) -> None:
    """Raises InvalidTransition unless the order is in one of these states."""
    if order.status not in allowed:
        raise InvalidTransition("order", order.status, wanted)


def check_unpaid(installment: Installment, wanted: str) -> None:
    """Raises InvalidTransition, ChargeInProgress."""
    if installment.status == InstallmentStatus.PROCESSING:
        raise ChargeInProgress
    if installment.status not in UNPAID:
        raise InvalidTransition("installment", installment.status, wanted)
