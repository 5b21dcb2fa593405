"""Steps of collecting installments, set-based, and what a charge's outcome means for them.

`lock`, `moved`, `disputed`, `card_renewed` and `outlook` are what charges call
(settings.CHARGE_OWNER).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Value, prefetch_related_objects
from django.db.models.functions import Greatest

from charges import collection as charge_collection
from charges import declines
from charges.models import DISPUTE_OPEN, Charge, ChargeStatus
from installments import retries
from installments.models import (
    COLLECTIBLE,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderQuerySet,
    OrderStatus,
)
from installments.serializers import InstallmentResource, OrderResource
from partners import rows
from partners.actors import Actor
from webhooks import events

LOST = "lost"
MOVED = [
    "status", "attempts", "next_attempt_at", "charge_id", "overdue_at", "paid_at", "updated_at",
]  # fmt: skip

UPDATE_ORDERS = """
UPDATE installments_installmentorder o SET
    amount_paid = x.amount_paid, status = x.status, completed_at = x.completed_at,
    refused_card = x.refused_card, updated_at = x.updated_at,
    past_due = EXISTS (
        SELECT 1 FROM installments_installment i WHERE i.order_id = o.id
        AND (i.status IN ('overdue', 'failed')
             OR i.status = 'processing' AND i.overdue_at IS NOT NULL)),
    default_at = CASE WHEN EXISTS (
        SELECT 1 FROM installments_installment i WHERE i.order_id = o.id AND i.status = 'failed'
    ) THEN coalesce(o.default_at, x.default_at) END
FROM json_populate_recordset(NULL::installments_installmentorder, %s) x
WHERE o.id = x.id
"""
ORDER_COLUMNS = [
    "id", "amount_paid", "status", "completed_at", "refused_card", "updated_at", "default_at",
]  # fmt: skip


def lock(charge: Charge) -> None:
    """The order and the installment of the charge are locked, parents before children."""
    installment = Installment.objects.get(id=charge.installment_id or "")
    InstallmentOrder.objects.select_for_update().get(id=installment.order_id)
    Installment.objects.select_for_update().get(id=installment.id)


def moved(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The charge's installment and order stand as its outcome says."""
    installment = Installment.objects.select_related("order").get(id=charge.installment_id or "")
    apply([installment], [charge], by=by, now=now)


def disputed(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The charge's order, locked by the caller, is paused while a bank holds money of it back. The
    end of the last dispute resumes it; money that is lost defaults it.
    """
    orders = InstallmentOrder.objects.filter(id=charge.installment_order_id or "")
    if charge.disputes.filter(status=LOST).exists():
        _default(orders, by, now)
    elif charge.is_disputed:
        _pause(orders, by, now)
    elif not _open_disputes_of(charge):
        _resume(orders, by, now)


def card_renewed(partner_id: UUID, card: str, *, by: Actor, now: datetime) -> None:
    """The card, which a hard decline may have stopped, is asked again at the next tries."""
    stopped = InstallmentOrder.objects.filter(partner_id=partner_id, refused_card=card)
    stopped.update(refused_card="", updated_at=now)


def outlook(charge: Charge) -> str:
    """What follows for the installment whose charge failed, in words."""
    found = Installment.objects.select_related("order").filter(id=charge.installment_id or "")
    installment = found.first()
    if installment is None:
        return ""
    if installment.charge_id != charge.id:
        return f"A later charge took its place: {installment.charge_id}."
    if installment.status == InstallmentStatus.CANCELED:
        return "Its order is canceled: it is not tried again."
    if installment.order.status == OrderStatus.PAUSED:
        return "Its order is paused: it is tried again when the order resumes."
    if installment.next_attempt_at is None:
        return "The schedule of retries is used up: it is not tried again by itself."
    stopped = " with another card, or the wallet" if installment.order.refused_card else ""
    tried = installment.next_attempt_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"Its installment is tried again{stopped} at {tried}."


def claim_due(at: datetime, *, limit: int, order_id: UUID | None = None) -> list[Installment]:
    """Installments due at that moment, locked with their orders; others' locks are stepped over."""
    due = Installment.objects.due(at).select_related("order")
    if order_id:
        due = due.filter(order_id=order_id)
    claimed = list(due.select_for_update(of=("order", "self"), skip_locked=True)[:limit])
    return _share_orders(claimed)


def collect(
    installments: Sequence[Installment], *, at: datetime, by: Actor, now: datetime
) -> list[Charge]:
    """Each due installment has a charge, and stands as the charge does; its try is counted and the
    next one set, so that a row that was tried always leaves the queue's head.
    """
    charges = charge(installments, is_attended=False, by=by, now=now)
    for installment, charged in zip(installments, charges, strict=True):
        installment.attempts += 1
        installment.next_attempt_at = (
            None
            if charged.status == ChargeStatus.SUCCEEDED
            else retries.next_attempt(
                installment.order.retry_policy,
                installment.attempts,
                at=at,
                zone=installment.order.timezone,
                hour=settings.INSTALLMENT_DUE_HOUR,
            )
        )
    apply(installments, charges, by=by, now=now)
    return charges


def charge(
    installments: Sequence[Installment], *, is_attended: bool, by: Actor, now: datetime
) -> list[Charge]:
    """A claimed charge for each installment, in their order."""
    charges = [_charge(installment, by, now) for installment in installments]
    refused = {
        charged.id: installment.order.refused_card
        for charged, installment in zip(charges, installments, strict=True)
        if installment.order.refused_card
    }
    charge_collection.claim(
        charges, is_new=True, is_attended=is_attended, refused_cards=refused, by=by, now=now
    )
    return charges


def apply(
    installments: Sequence[Installment], charges: Sequence[Charge], *, by: Actor, now: datetime
) -> None:
    """Installments, orders and events follow from the charges, in a fixed number of statements.

    The caller holds the locks of the installments and their orders.
    """
    facts = []
    for installment, charged in zip(installments, charges, strict=True):
        if event := _follow(installment, charged, now):
            facts.append(_fact(installment, event))
    rows.update(installments, MOVED)
    completed = _update_orders(installments, now)
    prefetch_related_objects(completed, "installments")
    facts += [order_fact(order, "completed") for order in completed]
    events.publish(facts, by=by, now=now)


def order_fact(order: InstallmentOrder, event: str) -> events.Fact:
    return events.Fact(
        partner_id=order.partner_id,
        type=f"installment_order.{event}",
        resource_id=order.id,
        data=OrderResource.render(order),
    )


def mark_overdue(at: datetime, *, limit: int, by: Actor, now: datetime) -> int:
    """Active, unpaid installments whose due date is over are overdue, their orders past due."""
    late = (
        Installment.objects.filter(
            status=InstallmentStatus.PENDING,
            overdue_from__lte=at,
            order__status=OrderStatus.ACTIVE,
        )
        .select_related("order")
        .order_by("overdue_from", "id")
    )
    found = _share_orders(
        list(late.select_for_update(of=("order", "self"), skip_locked=True)[:limit])
    )
    for installment in found:
        installment.status, installment.overdue_at = InstallmentStatus.OVERDUE, now
        installment.updated_at = now
    rows.update(found, MOVED)
    _update_orders(found, now)
    events.publish([_fact(i, "overdue") for i in found], by=by, now=now)
    return len(found)


def mark_defaulted(at: datetime, *, limit: int, by: Actor, now: datetime) -> int:
    """Active orders with a part that failed too long ago are defaulted; nothing more is tried."""
    late = InstallmentOrder.objects.filter(status=OrderStatus.ACTIVE, default_at__lte=at)
    found = list(late.order_by("id").select_for_update(skip_locked=True)[:limit])
    _default(InstallmentOrder.objects.filter(id__in=[order.id for order in found]), by, now)
    return len(found)


def _default(orders: OrderQuerySet, by: Actor, now: datetime) -> None:
    """The locked orders are defaulted, as far as their states allow it."""
    if orders.move(OrderStatus.DEFAULTED, defaulted_at=now, updated_at=now):
        Installment.objects.filter(order__in=orders).update(next_attempt_at=None)
        _tell(orders, "defaulted", by, now)


def _pause(orders: OrderQuerySet, by: Actor, now: datetime) -> None:
    """Nothing of the order is collected: its parts leave the queue."""
    if orders.move(OrderStatus.PAUSED, updated_at=now):
        Installment.objects.filter(order__in=orders, status__in=COLLECTIBLE).update(
            next_attempt_at=None
        )
        _tell(orders, "paused", by, now)


def _resume(orders: OrderQuerySet, by: Actor, now: datetime) -> None:
    """Parts are due again on their dates, late ones now."""
    if orders.filter(status=OrderStatus.PAUSED).move(OrderStatus.ACTIVE, updated_at=now):
        Installment.objects.filter(order__in=orders, status__in=COLLECTIBLE).update(
            next_attempt_at=Greatest("due_at", Value(now))
        )
        _tell(orders, "resumed", by, now)


def _tell(orders: OrderQuerySet, event: str, by: Actor, now: datetime) -> None:
    told = orders.prefetch_related("installments")
    events.publish([order_fact(order, event) for order in told], by=by, now=now)


def _open_disputes_of(charge: Charge) -> bool:
    """Whether a dispute of the order holds money back."""
    same = Charge.objects.filter(installment_order_id=charge.installment_order_id)
    return same.filter(dispute_status__in=DISPUTE_OPEN).exists()


def _share_orders(installments: list[Installment]) -> list[Installment]:
    """Installments of one order point to one instance of it."""
    orders: dict[UUID, InstallmentOrder] = {}
    for installment in installments:
        installment.order = orders.setdefault(installment.order_id, installment.order)
    return installments


def _charge(installment: Installment, by: Actor, now: datetime) -> Charge:
    order = installment.order
    return Charge(
        partner_id=order.partner_id,
        customer_id=order.customer_id,
        amount=installment.amount,
        currency=order.currency,
        status=ChargeStatus.PENDING,
        card=order.card,
        split_instructions=order.split_instructions,
        split_shares=installment.split_shares,
        installment_id=installment.id,
        installment_order_id=order.id,
        description=order.description,
        metadata=order.metadata,
        actor=by.name,
        created_at=now,
        updated_at=now,
    )


def _follow(installment: Installment, charged: Charge, now: datetime) -> str | None:
    """The installment stands as its charge does; returns the event that this is, if any."""
    installment.charge_id, installment.updated_at = charged.id, now
    if charged.status == ChargeStatus.SUCCEEDED:
        installment.status, installment.paid_at = InstallmentStatus.PAID, now
        installment.next_attempt_at = None
        installment.order.amount_paid += installment.amount
        return "paid"
    if charged.status not in (ChargeStatus.FAILED, ChargeStatus.CANCELED):
        installment.status = InstallmentStatus.PROCESSING
        return None
    return _follow_failure(installment, charged, now)


def _follow_failure(installment: Installment, charged: Charge, now: datetime) -> str | None:
    order = installment.order
    if declines.stops_card(
        charged.failure_code, charged.failure_decline_code, charged.failure_advice_code
    ):
        order.refused_card = charged.card
    if order.status == OrderStatus.CANCELED:
        installment.status, installment.next_attempt_at = InstallmentStatus.CANCELED, None
        return None
    if order.status == OrderStatus.PAUSED:
        installment.next_attempt_at = None
    elif installment.next_attempt_at is None:
        installment.status = InstallmentStatus.FAILED
        order.default_at = now + timedelta(days=order.retry_policy["default_after_days"])
        return "failed"
    is_overdue = installment.overdue_at is not None
    installment.status = InstallmentStatus.OVERDUE if is_overdue else InstallmentStatus.PENDING
    return None


def _update_orders(installments: Sequence[Installment], now: datetime) -> list[InstallmentOrder]:
    """Writes the orders of the installments; returns those that this completed."""
    orders: Mapping[UUID, InstallmentOrder] = {i.order_id: i.order for i in installments}
    completed = []
    for order in orders.values():
        order.updated_at = now
        is_open = order.status in (
            OrderStatus.ACTIVE,
            OrderStatus.PAUSED,
            OrderStatus.DEFAULTED,
        )
        if is_open and order.amount_paid == order.amount:
            order.status, order.completed_at = OrderStatus.COMPLETED, now
            order.past_due, order.default_at = False, None
            completed.append(order)
    if orders:
        with connection.cursor() as cursor:
            values = ({c: getattr(o, c) for c in ORDER_COLUMNS} for o in orders.values())
            cursor.execute(UPDATE_ORDERS, [rows.encode(values)])
    return completed


def _fact(installment: Installment, event: str) -> events.Fact:
    return events.Fact(
        partner_id=installment.partner_id,
        type=f"installment.{event}",
        resource_id=installment.id,
        data=InstallmentResource.render(installment),
    )
