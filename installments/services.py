"""Doors: installment orders, their parts, and the sweep that collects what is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from charges import cards, legs
from charges import collection as charge_collection
from charges import services as charges
from charges.models import Charge, ChargeStatus, PaymentMethod
from installments import collection, planning, retries, schedule
from installments.models import (
    UNPAID,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
    Sweep,
)
from installments.planning import NewOrder, Plan, Rule
from partners import broker, idempotency, rows
from partners.actors import Actor
from partners.constraints import violated
from wallets.models import Wallet
from webhooks import events

CHUNK = 500


class InvalidTransition(Exception):
    def __init__(self, what: str, status: str, wanted: str) -> None:
        super().__init__(f"The {what} is {status} and cannot be {wanted}.")


class ChargeInProgress(Exception):
    def __init__(self) -> None:
        super().__init__("A charge of this installment has no outcome yet.")


class Created(NamedTuple):
    order: InstallmentOrder
    is_replay: bool


class Funding(NamedTuple):
    """What the wallet and the card would pay at today's balance, in minor units."""

    available: int
    wallet: int
    card: int


class Swept(NamedTuple):
    """What a run did; amounts are not added up over currencies."""

    paid: int = 0
    processing: int = 0
    failed: int = 0
    overdue: int = 0
    defaulted: int = 0

    @property
    def collected(self) -> int:
        return self.paid + self.processing + self.failed

    def plus(self, other: Swept) -> Swept:
        return Swept(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def preview(*, partner_id: UUID, new: NewOrder, now: datetime) -> tuple[Plan, Funding]:
    """What creating the order would agree on; nothing is written.

    Raises InvalidSchedule, ScheduleSumMismatch, SplitExceedsAmount, UnknownRecipient,
    PaymentMethodNotFound.
    """
    plan = planning.plan(new, now=now)
    cards.check(partner_id, new.customer_id, new.payment_method)
    _check_recipients(partner_id, new, plan)
    return plan, _funding(partner_id, new)


def create_order(
    *,
    partner_id: UUID,
    new: NewOrder,
    idempotency_key: str,
    fingerprint: str,
    activate: bool,
    by: Actor,
    now: datetime,
) -> Created:
    """The agreement is frozen under its key and, when asked, active.

    Raises what `preview` raises, and IdempotencyKeyReused.
    """
    made = InstallmentOrder.objects.filter(partner_id=partner_id, idempotency_key=idempotency_key)
    if (existing := made.first()) is None:
        plan, _ = preview(partner_id=partner_id, new=new, now=now)
        order = _order(partner_id, new, plan, now)
        order.idempotency_key, order.fingerprint = idempotency_key, fingerprint
        try:
            with transaction.atomic(durable=True):
                _insert(order, plan, now)
                if activate:
                    _activate(order, by=by, now=now)
            return Created(order, is_replay=False)
        except IntegrityError as error:
            if violated(error) != "installments_installmentorder_idempotency_key":
                raise
            existing = made.get()
    idempotency.check(existing.fingerprint, fingerprint)
    return Created(existing, is_replay=True)


def activate_order(*, order_id: UUID, by: Actor, now: datetime) -> InstallmentOrder:
    """The order is active: its parts fall due. Raises InvalidTransition."""
    with transaction.atomic(durable=True):
        order = InstallmentOrder.objects.select_for_update().get(id=order_id)
        if order.status == OrderStatus.ACTIVE:
            return order
        if order.status != OrderStatus.PENDING:
            raise InvalidTransition("order", order.status, "activated")
        return _activate(order, by=by, now=now)


def cancel_order(*, order_id: UUID, by: Actor, now: datetime) -> InstallmentOrder:
    """Nothing more is collected; what is paid stays paid, and a charge under way ends by itself.

    Raises InvalidTransition.
    """
    with transaction.atomic(durable=True):
        order = InstallmentOrder.objects.select_for_update().get(id=order_id)
        if order.status == OrderStatus.CANCELED:
            return order
        moved = InstallmentOrder.objects.filter(id=order_id).move(
            OrderStatus.CANCELED, canceled_at=now, updated_at=now, past_due=False, default_at=None
        )
        if not moved:
            raise InvalidTransition("order", order.status, "canceled")
        Installment.objects.filter(order_id=order_id, status__in=UNPAID).update(
            status=InstallmentStatus.CANCELED, next_attempt_at=None, updated_at=now
        )
        order.refresh_from_db()
        events.publish([collection.order_fact(order, "canceled")], by=by, now=now)
        return order


def process_installment(*, installment_id: UUID, by: Actor, now: datetime) -> Installment:
    """The part is charged now, late ones of defaulted orders too; a failure does not use up the
    retry schedule.

    A paid part stays as it is. Raises InvalidTransition, ChargeInProgress.
    """
    with transaction.atomic(durable=True):
        order_id = Installment.objects.values_list("order_id", flat=True).get(id=installment_id)
        InstallmentOrder.objects.select_for_update().get(id=order_id)
        installment = (
            Installment.objects.select_related("order")
            .select_for_update(of=("self",))
            .get(id=installment_id)
        )
        if installment.status == InstallmentStatus.PAID:
            return installment
        _check_chargeable(installment)
        (charge,) = collection.charge([installment], is_attended=False, by=by, now=now)
        collection.apply([installment], [charge], by=by, now=now)
    if charge.status == ChargeStatus.PROCESSING:
        charges.collect(charge_id=charge.id, by=by, now=now)
        installment.refresh_from_db()
    return installment


def sweep(
    *,
    as_of: datetime,
    by: Actor,
    now: datetime,
    order_id: UUID | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Swept:
    """Everything due at `as_of` has been tried once; then late parts are overdue, and orders that
    failed too long ago defaulted.

    Set-based in chunks, each a transaction of its own; any number of sweeps may run at once and be
    killed. Cards are left to `charges.collect_due`, which a worker is nudged to run.
    """
    swept = Swept()
    while (room := CHUNK if limit is None else min(CHUNK, limit - swept.collected)) > 0:
        chunk = _collect_chunk(as_of, room, order_id, by, now)
        if not chunk.collected:
            break
        swept = swept.plus(chunk)
        progress(chunk.collected)
    if order_id is None and limit is None:
        swept = swept.plus(_age(as_of, by, now))
    return swept


def record_sweep(*, swept: Swept, started_at: datetime, finished_at: datetime) -> None:
    """`/health/ready` sees that the sweep ran."""
    with transaction.atomic(durable=True):
        Sweep.objects.update_or_create(
            name="installments",
            defaults={
                "started_at": started_at,
                "finished_at": finished_at,
                "collected": swept.collected,
            },
        )


def _collect_chunk(
    as_of: datetime, limit: int, order_id: UUID | None, by: Actor, now: datetime
) -> Swept:
    with transaction.atomic(durable=True):
        due = collection.claim_due(as_of, limit=limit, order_id=order_id)
        if not due:
            return Swept()
        made = collection.collect(due, at=as_of, by=by, now=now)
        states = [charge.status for charge in made]
        if ChargeStatus.PROCESSING in states:
            broker.nudge(charges.RECOVER_TASK)
    return Swept(
        paid=states.count(ChargeStatus.SUCCEEDED),
        processing=states.count(ChargeStatus.PROCESSING),
        failed=states.count(ChargeStatus.FAILED),
    )


def _age(as_of: datetime, by: Actor, now: datetime) -> Swept:
    overdue = _in_chunks(collection.mark_overdue, as_of, by, now)
    defaulted = _in_chunks(collection.mark_defaulted, as_of, by, now)
    return Swept(overdue=overdue, defaulted=defaulted)


def _in_chunks(step: Callable[..., int], as_of: datetime, by: Actor, now: datetime) -> int:
    total = 0
    while True:
        with transaction.atomic(durable=True):
            count = step(as_of, limit=CHUNK, by=by, now=now)
        if not count:
            return total
        total += count


def _check_chargeable(installment: Installment) -> None:
    if installment.status == InstallmentStatus.PROCESSING:
        raise ChargeInProgress
    if installment.status not in UNPAID:
        raise InvalidTransition("installment", installment.status, "charged")
    if installment.order.status not in (OrderStatus.ACTIVE, OrderStatus.DEFAULTED):
        raise InvalidTransition("order", installment.order.status, "charged")


def _check_recipients(partner_id: UUID, new: NewOrder, plan: Plan) -> None:
    customers = [share["recipient"] for share in plan.shares]
    wallets = Wallet.objects.filter(partner_id=partner_id, customer_id__in=customers)
    found = {(partner_id, wallet.customer_id): wallet for wallet in wallets}
    probe = Charge(partner_id=partner_id, currency=new.currency, split_shares=plan.shares)
    charge_collection.check_recipients([probe], found)


def _funding(partner_id: UUID, new: NewOrder) -> Funding:
    wallet = Wallet.objects.filter(
        partner_id=partner_id, customer_id=new.customer_id, currency=new.currency, is_active=True
    ).first()
    available = wallet.available if wallet else 0
    has_card = (
        bool(new.payment_method)
        or PaymentMethod.objects.filter(
            partner_id=partner_id, customer_id=new.customer_id, is_default=True
        ).exists()
    )
    divided = legs.divide(new.amount, available=available, currency=new.currency, has_card=has_card)
    return Funding(available, *(divided or (min(available, new.amount), 0)))


def _order(partner_id: UUID, new: NewOrder, plan: Plan, now: datetime) -> InstallmentOrder:
    rule = new.plan if isinstance(new.plan, Rule) else None
    return InstallmentOrder(
        partner_id=partner_id,
        customer_id=new.customer_id,
        amount=new.amount,
        currency=new.currency,
        status=OrderStatus.PENDING,
        installment_count=len(plan.parts),
        frequency=rule.frequency.value if rule else "",
        interval=rule.interval if rule else None,
        remainder=rule.remainder.value if rule else "",
        timezone=new.timezone,
        retry_policy=retries.STANDARD,
        card=new.payment_method,
        split_instructions=list(new.split_instructions),
        description=new.description,
        metadata=new.metadata,
        created_at=now,
        updated_at=now,
    )


def _insert(order: InstallmentOrder, plan: Plan, now: datetime) -> None:
    order.save(force_insert=True)
    hour = settings.INSTALLMENT_DUE_HOUR
    rows.insert(
        [
            Installment(
                partner_id=order.partner_id,
                order=order,
                installment_number=place + 1,
                amount=part.amount,
                split_shares=shares,
                due_date=part.due_date,
                due_at=schedule.moment(part.due_date, hour, order.timezone),
                overdue_from=schedule.end_of(part.due_date, order.timezone),
                status=InstallmentStatus.PENDING,
                created_at=now,
                updated_at=now,
            )
            for place, (part, shares) in enumerate(zip(plan.parts, plan.part_shares, strict=True))
        ]
    )


def _activate(order: InstallmentOrder, *, by: Actor, now: datetime) -> InstallmentOrder:
    """Parts are due from their due hour; those due today or before are due at once."""
    InstallmentOrder.objects.filter(id=order.id).move(
        OrderStatus.ACTIVE, activated_at=now, updated_at=now
    )
    today = schedule.local_date(now, order.timezone)
    parts = list(Installment.objects.filter(order_id=order.id))
    for part in parts:
        part.next_attempt_at = now if part.due_date <= today else part.due_at
    rows.update(parts, ["next_attempt_at"])
    order.refresh_from_db()
    events.publish([collection.order_fact(order, "activated")], by=by, now=now)
    return order
