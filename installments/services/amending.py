"""Doors: terms of an order change, each time as a revision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from charges import cards
from charges import services as charges
from foundation import states
from foundation.actors import Actor
from installments import planning, revisions, rollup, schedule
from installments.models import (
    STARTED_OVER,
    UNPAID,
    Change,
    Installment,
    InstallmentOrder,
    OrderStatus,
)
from installments.revisions import Changed
from installments.services.locking import check, check_unpaid, locked, locked_installment

CHANGEABLE = (OrderStatus.PENDING, OrderStatus.ACTIVE, OrderStatus.PAUSED)
TERMS_CHANGEABLE = (*CHANGEABLE, OrderStatus.DEFAULTED)
"""Another card may pay the arrears of a defaulted order."""


@dataclass(frozen=True, slots=True)
class NewTerms:
    """What is to be otherwise; None leaves it. An empty `payment_method` is the default card."""

    payment_method: str | None = None
    auto_apply: bool | None = None


def change_order(
    *, order_id: UUID, new: NewTerms, reason: str = "", by: Actor, now: datetime
) -> InstallmentOrder:
    """The order has these terms from its next charge on. A card that is named, again or for the
    first time, is saved to the customer and asked, whatever had stopped it.

    Raises InvalidTransition, CardCurrencyUnsupported, CardAmountUnsupported, and what saving a card
    raises.
    """
    card = _kept(order_id, new, now)
    with transaction.atomic(durable=True):
        order = locked(order_id)
        before = _terms(order)
        if card is not None:
            order.card = card
            cards.ask_again(order.partner_id, order.customer_id, card)
        if new.auto_apply is not None:
            order.auto_apply = new.auto_apply
        order.save(update_fields=["card", "auto_apply"])
        after = _terms(order)
        if after != before:
            check(order, "changed", *TERMS_CHANGEABLE)
            _check_card(order)
            _record(order, Change.TERMS_CHANGED, before, after, reason, by, now)
        return order


def _check_card(order: InstallmentOrder) -> None:
    """The named card can pay every installment that is left."""
    if order.card:
        left = Installment.objects.filter(order=order, status__in=UNPAID)
        planning.check_card(
            order.currency, (("payment_method", installment.owed) for installment in left)
        )


def _kept(order_id: UUID, new: NewTerms, now: datetime) -> str | None:
    """The card that is to be the order's, on file; None leaves the one that it has."""
    if not new.payment_method:
        return new.payment_method
    order = InstallmentOrder.objects.get(id=order_id)
    if new.payment_method == order.card:
        cards.check(order.partner_id, order.customer_id, order.card)
        return order.card
    check(order, "changed", *TERMS_CHANGEABLE)
    order.card = new.payment_method
    _check_card(order)
    return charges.keep_payment_method(
        partner_id=order.partner_id,
        customer_id=order.customer_id,
        payment_method=new.payment_method,
        now=now,
    )


def reschedule_installment(
    *, installment_id: UUID, due_date: date, reason: str = "", by: Actor, now: datetime
) -> Installment:
    """The unpaid installment is due on that local date, with all tries of the policy before it
    again. A late fee that it owes stays. Raises InvalidSchedule, InvalidTransition,
    ChargeInProgress.
    """
    with transaction.atomic(durable=True):
        installment = locked_installment(installment_id)
        order = installment.order
        if installment.due_date == due_date:
            return installment
        check_unpaid(installment, "rescheduled")
        check(order, "rescheduled", *CHANGEABLE)
        today = schedule.local_date(now, order.timezone)
        planning.check_due_date(due_date, today, "due_date")
        before = _due(installment)
        installment.start_over(due_date, now)
        states.transition([installment], STARTED_OVER)
        rollup.update([installment], now)
        _record(order, Change.RESCHEDULED, before, _due(installment), reason, by, now)
        return installment


def _due(installment: Installment) -> dict[str, Any]:
    shown = {
        "installment_number": installment.installment_number,
        "due_date": installment.due_date.isoformat(),
        "status": installment.status,
    }
    return {"installments": [shown]}


def _terms(order: InstallmentOrder) -> dict[str, Any]:
    shown = InstallmentOrder.objects.with_refusals().get(id=order.id)
    return {
        "payment_method": shown.card or None,
        "refused_payment_methods": shown.refused_cards,
        "auto_apply": shown.auto_apply,
    }


def _record(
    order: InstallmentOrder,
    change: Change,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
    by: Actor,
    now: datetime,
) -> None:
    """The revision holds what differs."""
    differing = [name for name in after if before[name] != after[name]]
    InstallmentOrder.objects.filter(id=order.id).update(updated_at=now)
    order.refresh_from_db()
    changed = Changed(
        order,
        change,
        before={name: before[name] for name in differing},
        after={name: after[name] for name in differing},
    )
    revisions.record([changed], reason=reason, by=by, now=now)
