"""Doors: what an order would be, and the order."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from charges import cards, deciding
from charges import services as charges
from charges.models import Charge, ChargeStatus
from foundation import idempotency, rows
from foundation.actors import Actor
from installments import planning, retries, transitions
from installments.forecast import Forecast, Legs
from installments.models import (
    CollectionPolicy,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)
from installments.planning import NewOrder, Plan, Rule
from installments.retries import Policy
from wallets.models import Wallet


class PreviewOutdated(Exception):
    """What would be agreed on now is not what the preview showed."""

    def __init__(self) -> None:
        super().__init__("The order would differ from its preview. Look at a new one.")


class Created(NamedTuple):
    order: InstallmentOrder
    is_replay: bool


class Preview(NamedTuple):
    """`available` is what the wallet has today, `legs` what each part would take, minor units."""

    plan: Plan
    available: int
    legs: list[Legs]


def preview(*, partner_id: UUID, new: NewOrder, now: datetime) -> Preview:
    """What creating the order would agree on, and what would pay it today; nothing is written.

    Raises InvalidSchedule, ScheduleSumMismatch, SplitExceedsAmount, UnknownRecipient,
    PaymentMethodNotFound, CardCurrencyUnsupported, CardAmountUnsupported.
    """
    plan = _plan(partner_id, new, now)
    wallet = Wallet.objects.filter(
        partner_id=partner_id, customer_id=new.customer_id, currency=new.currency, is_active=True
    ).first()
    planned = [
        Charge(
            partner_id=partner_id,
            customer_id=new.customer_id,
            amount=part.amount,
            currency=new.currency,
            status=ChargeStatus.PENDING,
            card=new.payment_method,
            split_shares=shares,
        )
        for part, shares in zip(plan.parts, plan.part_shares, strict=True)
    ]
    return Preview(plan, wallet.available if wallet else 0, Forecast().of(planned, now=now))


def create_order(
    *,
    partner_id: UUID,
    new: NewOrder,
    idempotency_key: str,
    fingerprint: str,
    activate: bool,
    preview_hash: str | None = None,
    by: Actor,
    now: datetime,
) -> Created:
    """The agreement is frozen under its key and, when asked, active. The card that it names is
    saved to the customer before, if it was not.

    Raises what `preview` and saving a card raise, PreviewOutdated when `preview_hash` is of another
    outcome, and IdempotencyKeyReused.
    """
    orders = InstallmentOrder.objects.filter(partner_id=partner_id)
    existing = idempotency.find(orders, idempotency_key, fingerprint)
    if existing is None:
        plan = _plan(partner_id, new, now)
        if preview_hash not in (None, plan.hash):
            raise PreviewOutdated
        order = _order(partner_id, plan, now)
        order.card = charges.keep_payment_method(
            partner_id=partner_id,
            customer_id=new.customer_id,
            payment_method=new.payment_method,
            now=now,
        )
        order.idempotency_key, order.fingerprint = idempotency_key, fingerprint
        try:
            with transaction.atomic(durable=True):
                _insert(order, plan, now)
                if activate:
                    transitions.activate(order, is_new=True, by=by, now=now)
            return Created(order, is_replay=False)
        except IntegrityError as error:
            existing = idempotency.replayed(
                orders,
                idempotency_key,
                fingerprint,
                refusal=error,
                constraint="installments_installmentorder_idempotency_key",
            )
    return Created(existing, is_replay=True)


def _plan(partner_id: UUID, new: NewOrder, now: datetime) -> Plan:
    plan = planning.plan(new, policy=_policy(partner_id), now=now)
    cards.check(partner_id, new.customer_id, new.payment_method)
    _check_recipients(partner_id, plan)
    return plan


def _policy(partner_id: UUID) -> Policy:
    own = CollectionPolicy.objects.filter(partner_id=partner_id).first()
    return own.terms if own else retries.STANDARD


def _check_recipients(partner_id: UUID, plan: Plan) -> None:
    customers = [share["recipient"] for share in plan.shares]
    wallets = Wallet.objects.filter(partner_id=partner_id, customer_id__in=customers)
    found = {(partner_id, wallet.customer_id): wallet for wallet in wallets}
    probe = Charge(partner_id=partner_id, currency=plan.new.currency, split_shares=plan.shares)
    deciding.check_recipients([probe], found)


def _order(partner_id: UUID, plan: Plan, now: datetime) -> InstallmentOrder:
    new = plan.new
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
        due_hour=new.due_hour,
        retry_policy=plan.policy,
        late_fee=new.late_fee,
        split_instructions=list(new.split_instructions),
        auto_apply=new.auto_apply,
        description=new.description,
        metadata=new.metadata,
        created_at=now,
        updated_at=now,
    )


def _insert(order: InstallmentOrder, plan: Plan, now: datetime) -> None:
    order.save(force_insert=True)
    parts = [
        Installment(
            partner_id=order.partner_id,
            order=order,
            installment_number=place + 1,
            amount=part.amount,
            split_shares=shares,
            status=InstallmentStatus.PENDING,
            created_at=now,
            updated_at=now,
        )
        for place, (part, shares) in enumerate(zip(plan.parts, plan.part_shares, strict=True))
    ]
    for installment, part in zip(parts, plan.parts, strict=True):
        installment.fall_due(part.due_date)
    rows.insert(parts)
