"""Steps by which an order changes its state, with what that means for its installments.

The caller has locked the order; what a state does not allow, the caller has refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from charges import cancellation
from foundation import rows, states
from foundation.actors import Actor
from foundation.states import IllegalMove
from installments import facts, retries, revisions, rollup, schedule
from installments.models import (
    COLLECTIBLE,
    UNPAID,
    Change,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)
from installments.revisions import Changed
from wallets import money
from webhooks import events

WITHOUT_MONEY = [*UNPAID, InstallmentStatus.PROCESSING]
NOT_PAUSED: dict[str, Any] = {"paused_at": None, "is_paused_on_request": False}


def activate(order: InstallmentOrder, *, is_new: bool, by: Actor, now: datetime) -> None:
    """Installments are due from their due hour; those due today or before are due at once.

    A new order is born so: that is no change of it.
    """
    move(order, OrderStatus.ACTIVE, now, activated_at=now)
    today = schedule.local_date(now, order.timezone)
    installments = list(Installment.objects.filter(order=order))
    for installment in installments:
        installment.next_attempt_at = now if installment.due_date <= today else installment.due_at
    rows.update(installments, ["next_attempt_at"])
    if is_new:
        shown = InstallmentOrder.objects.with_installments().get(id=order.id)
        events.publish([facts.of_order(shown, "activated")], by=by, now=now)
    else:
        _record(order, Change.ACTIVATED, OrderStatus.PENDING, reason="", by=by, now=now)


def pause(
    order: InstallmentOrder, *, is_on_request: bool, reason: str, by: Actor, now: datetime
) -> None:
    """Nothing of the active order is collected: its installments leave the queue, charges whose
    card was not asked yet are canceled, clocks stand still.
    """
    move(order, OrderStatus.PAUSED, now, paused_at=now, is_paused_on_request=is_on_request)
    Installment.objects.filter(order=order, status__in=COLLECTIBLE).update(next_attempt_at=None)
    cancellation.end_unasked([order.id], by=by, now=now)
    order.refresh_from_db()
    _record(order, Change.PAUSED, OrderStatus.ACTIVE, reason=reason, by=by, now=now)


def hold(order: InstallmentOrder, *, reason: str, by: Actor, now: datetime) -> None:
    """The order that a dispute has paused stays so when that ends."""
    before = {"pause_reason": order.pause_reason}
    InstallmentOrder.objects.filter(id=order.id).update(is_paused_on_request=True, updated_at=now)
    order.refresh_from_db()
    after = {"pause_reason": order.pause_reason}
    changed = Changed(order, Change.TERMS_CHANGED, before, after)
    revisions.record([changed], reason=reason, by=by, now=now)


def resume(
    order: InstallmentOrder, *, is_shifted: bool, reason: str, by: Actor, now: datetime
) -> None:
    """The paused order is collected again.

    Shifted, installments that were not yet late are due as many days later as it was paused, with
    all their tries. Otherwise dates stay, and what is late by now is due at once. Tries go on where
    they were; the time to a late fee and to default does not count the pause.
    """
    paused_at = order.paused_at or now
    installments = list(Installment.objects.filter(order=order, status__in=WITHOUT_MONEY))
    for installment in installments:
        installment.order = order
    before = _due_dates(installments)
    if is_shifted:
        _shift(installments, paused_at, now)
    for installment in installments:
        _set_clocks(installment, paused_at, now)
        if installment.status in COLLECTIBLE:
            installment.next_attempt_at = max(now, _planned(installment, now))
    rows.update(installments, RESUMED)
    move(order, OrderStatus.ACTIVE, now, **NOT_PAUSED)
    rollup.update(installments, now)
    order.refresh_from_db()
    after = _due_dates(installments)
    changed = [number for number, day in before.items() if after[number] != day]
    _record(
        order,
        Change.RESUMED,
        OrderStatus.PAUSED,
        before=_installments(before, changed),
        after=_installments(after, changed),
        reason=reason,
        by=by,
        now=now,
    )


def cancel(order: InstallmentOrder, *, reason: str, by: Actor, now: datetime) -> None:
    """Nothing more is collected: open charges are canceled, or about to be."""
    was = OrderStatus(order.status)
    move(
        order,
        OrderStatus.CANCELED,
        now,
        canceled_at=now,
        past_due=False,
        default_at=None,
        **NOT_PAUSED,
    )
    _end(order, by=by, now=now)
    _record(order, Change.CANCELED, was, reason=reason, by=by, now=now)


def default(orders: Sequence[InstallmentOrder], *, by: Actor, now: datetime) -> None:
    """The active or paused orders are defaulted: nothing more is tried, and charges whose card was
    not asked yet are canceled.
    """
    ids = [order.id for order in orders]
    defaulted = InstallmentOrder.objects.filter(id__in=ids)
    stamps = {"defaulted_at": now, "updated_at": now, **NOT_PAUSED}
    if states.move(defaulted, OrderStatus.DEFAULTED, **stamps) != len(ids):
        raise IllegalMove(f"an order of {ids}: {OrderStatus.DEFAULTED}")
    Installment.objects.filter(order__in=ids).update(next_attempt_at=None)
    cancellation.end_unasked(ids, by=by, now=now)
    shown = defaulted.with_installments()
    events.publish([facts.of_order(order, "defaulted") for order in shown], by=by, now=now)


def reinstate(order: InstallmentOrder, *, reason: str, by: Actor, now: datetime) -> None:
    """The defaulted order, none of whose charges is open, is collected again: its unpaid
    installments on their dates, those whose date has passed at once. Tries go on where they were;
    the time to a late fee does not count the default.
    """
    defaulted_at = order.defaulted_at or now
    move(order, OrderStatus.ACTIVE, now, defaulted_at=None)
    installments = list(Installment.objects.filter(order=order, status__in=COLLECTIBLE))
    for installment in installments:
        installment.order = order
        _set_clocks(installment, defaulted_at, now)
        installment.next_attempt_at = max(now, _planned(installment, now))
    rows.update(installments, RESUMED)
    rollup.update(installments, now)
    order.refresh_from_db()
    _record(order, Change.REINSTATED, OrderStatus.DEFAULTED, reason=reason, by=by, now=now)


def write_off(order: InstallmentOrder, *, reason: str, by: Actor, now: datetime) -> None:
    """What is unpaid is given up and never collected: open charges are canceled, or about to be."""
    was = OrderStatus(order.status)
    move(
        order,
        OrderStatus.WRITTEN_OFF,
        now,
        written_off_at=now,
        past_due=False,
        default_at=None,
        **NOT_PAUSED,
    )
    _end(order, by=by, now=now)
    written_off = money.to_decimal(order.amount_written_off, order.currency)
    _record(
        order,
        Change.WRITTEN_OFF,
        was,
        before={"amount_written_off": money.to_decimal(0, order.currency)},
        after={"amount_written_off": written_off},
        reason=reason,
        by=by,
        now=now,
    )


RESUMED = [
    "due_date",
    "due_at",
    "overdue_from",
    "late_fee_from",
    "reminded_at",
    "next_attempt_at",
    "default_at",
    "attempts",
    "tried_at",
    "updated_at",
]


def _end(order: InstallmentOrder, *, by: Actor, now: datetime) -> None:
    """What is unpaid of the order that was given up is canceled, with its charges."""
    unpaid = Installment.objects.filter(order=order, status__in=UNPAID)
    states.move(unpaid, InstallmentStatus.CANCELED, next_attempt_at=None, updated_at=now)
    cancellation.end_all(order.id, by=by, now=now)
    order.refresh_from_db()


def move(order: InstallmentOrder, to: OrderStatus, now: datetime, **stamps: Any) -> None:
    """The locked order is in that state. Raises IllegalMove."""
    row = InstallmentOrder.objects.filter(id=order.id)
    if not states.move(row, to, updated_at=now, **stamps):
        raise IllegalMove(f"{order}: {to}")
    order.refresh_from_db()


def _shift(installments: Sequence[Installment], paused_at: datetime, now: datetime) -> None:
    zone = installments[0].order.timezone if installments else "UTC"
    paused_on = schedule.local_date(paused_at, zone)
    days = schedule.local_date(now, zone) - paused_on
    for installment in installments:
        if (
            days
            and installment.due_date >= paused_on
            and installment.status == InstallmentStatus.PENDING
        ):
            installment.fall_due(installment.due_date + days)
            installment.attempts, installment.tried_at, installment.reminded_at = 0, None, None


def _set_clocks(installment: Installment, paused_at: datetime, now: datetime) -> None:
    """Those that ran during the pause are set forward by as much of it as they ran."""
    installment.updated_at = now
    if installment.default_at:
        installment.default_at += now - paused_at
    if installment.late_fee_from:
        ran = now - max(paused_at, installment.overdue_from)
        installment.late_fee_from += max(ran, timedelta(0))


def _planned(installment: Installment, now: datetime) -> datetime:
    """When it would be tried next, had there been no pause."""
    if not installment.tried_at:
        return installment.due_at
    order = installment.order
    planned = retries.next_attempt(
        order.retry_policy,
        installment.attempts,
        at=installment.tried_at,
        zone=order.timezone,
        hour=order.due_hour,
    )
    return planned or now


def _due_dates(installments: Sequence[Installment]) -> dict[int, str]:
    return {
        installment.installment_number: installment.due_date.isoformat()
        for installment in installments
    }


def _installments(dates: dict[int, str], numbers: Sequence[int]) -> dict[str, Any]:
    shown = [{"installment_number": number, "due_date": dates[number]} for number in numbers]
    return {"installments": shown} if shown else {}


def _record(
    order: InstallmentOrder,
    change: Change,
    was: OrderStatus,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str,
    by: Actor,
    now: datetime,
) -> None:
    changed = Changed(
        order,
        change,
        before={"status": was.value, **(before or {})},
        after={"status": order.status, **(after or {})},
    )
    revisions.record([changed], reason=reason, by=by, now=now)
