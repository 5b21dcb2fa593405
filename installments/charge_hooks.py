"""What charges call (charges.hooks.ChargeHooks): an order follows its charges.

Steps, in the transaction of the charge.
"""

from __future__ import annotations

from datetime import datetime

from charges import cards
from charges.hooks import Outlook
from charges.models import DISPUTE_OPEN, Charge, ChargeStatus, DisputeStatus
from foundation.actors import Actor
from installments import collection, transitions
from installments.models import (
    GIVEN_UP,
    Installment,
    InstallmentOrder,
    InstallmentQuerySet,
    OrderStatus,
)


def lock(charge: Charge) -> None:
    """The order and the installments of the charge are locked, parents before children."""
    InstallmentOrder.objects.select_for_update().get(id=charge.installment_order_id or "")
    list(_installments_of(charge).order_by("id").select_for_update())


def wants(charge: Charge) -> bool:
    """Whether the order still wants the charge collected. A paused one lets a cardholder who was
    asked before go on.
    """
    order = InstallmentOrder.objects.only("status").get(id=charge.installment_order_id or "")
    if order.status == OrderStatus.PAUSED:
        return charge.status == ChargeStatus.REQUIRES_ACTION
    return order.status not in GIVEN_UP


def failure_outlook(charge: Charge) -> Outlook:
    """What follows now that the charge fails."""
    installments = list(_installments_of(charge).select_related("order"))
    return collection.outlook(installments)


def charge_moved(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The charge's installments and order stand as its outcome says."""
    order = InstallmentOrder.objects.get(id=charge.installment_order_id or "")
    installments = list(_installments_of(charge).order_by("installment_number"))
    for installment in installments:
        installment.order = order
    collection.apply(installments, [charge] * len(installments), by=by, now=now)


def dispute_changed(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The charge's order is paused while a bank holds money of it back. The end of the last dispute
    resumes it, unless somebody had asked for the pause too; money that is lost defaults it. A
    charge whose installment was reopened pays nothing of the order any more: its dispute changes
    nothing.
    """
    if charge.reopened_at:
        return
    order = InstallmentOrder.objects.get(id=charge.installment_order_id or "")
    is_lost = charge.disputes.filter(status=DisputeStatus.LOST).exists()
    if is_lost and order.status in (OrderStatus.ACTIVE, OrderStatus.PAUSED):
        transitions.default([order], by=by, now=now)
    elif charge.is_disputed and order.status == OrderStatus.ACTIVE:
        transitions.pause(
            order, is_on_request=False, reason="A payment is disputed.", by=by, now=now
        )
    elif order.is_paused_by_disputes and not has_open_dispute(order):
        reason = "No payment is disputed any longer."
        transitions.resume(order, is_shifted=False, reason=reason, by=by, now=now)


def has_open_dispute(order: InstallmentOrder) -> bool:
    """Whether a dispute holds money of the order back."""
    charges = Charge.objects.filter(installment_order_id=order.id, reopened_at=None)
    return charges.filter(dispute_status__in=DISPUTE_OPEN).exists()


def describe_outlook(charge: Charge) -> str:
    """What follows for the installment whose charge failed, in words, as things stand."""
    installment = _installments_of(charge).select_related("order").first()
    if installment is None:
        installment = Installment.objects.filter(id=charge.installment_id or charge.id).first()
        named = f": {installment.charge_id}" if installment else ""
        return f"A later charge took its place{named}."
    if installment.why_not:
        return installment.why_not
    if installment.next_attempt_at is None:
        return ""
    is_barred = charge.card and cards.refusal(charge)
    stopped = " with another card, or the wallet" if is_barred else ""
    tried = installment.next_attempt_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"Its installment is tried again{stopped} at {tried}."


def _installments_of(charge: Charge) -> InstallmentQuerySet:
    return Installment.objects.filter(order_id=charge.installment_order_id, charge_id=charge.id)
