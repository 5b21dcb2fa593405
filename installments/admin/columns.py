"""What the staff pages of orders show of a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.safestring import SafeString

from charges.admin.columns import METHOD
from charges.admin.columns import STATUS as CHARGE_STATUS
from charges.admin.columns import failure as charge_failure
from foundation import pages
from installments.models import (
    GIVEN_UP,
    Change,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
    Revision,
    Sweep,
)
from wallets.admin import amount, amount_text

ORDER_COLOURS = {
    OrderStatus.ACTIVE.value: pages.INFO,
    OrderStatus.PAUSED.value: pages.WARNING,
    OrderStatus.COMPLETED.value: pages.SUCCESS,
    OrderStatus.DEFAULTED.value: pages.DANGER,
    OrderStatus.WRITTEN_OFF.value: pages.DANGER,
}
COLOURS = {
    InstallmentStatus.PROCESSING.value: pages.INFO,
    InstallmentStatus.PAID.value: pages.SUCCESS,
    InstallmentStatus.OVERDUE.value: pages.WARNING,
    InstallmentStatus.FAILED.value: pages.DANGER,
}


def order_state(order: InstallmentOrder) -> SafeString:
    return pages.flagged(order.status, ORDER_COLOURS, "past due" if order.past_due else None)


def refused_cards(order: InstallmentOrder) -> str | None:
    """On the page of one order: that asks for them."""
    shown = InstallmentOrder.objects.with_refusals().get(pk=order.pk)
    return ", ".join(shown.refused_cards) or None


def terms(order: InstallmentOrder) -> str:
    """ "6 x monthly", "4 x every 2 weekly", "3 installments" for a list of dates."""
    if not order.frequency:
        return f"{order.installment_count} parts"
    every = f"every {order.interval} x " if order.interval and order.interval > 1 else ""
    return f"{order.installment_count} x {every}{order.frequency}"


def retries(order: InstallmentOrder) -> str:
    """The frozen policy: "standard: days 0, 1, 3; overdue after 0, defaulted after 30 days"."""
    policy = order.retry_policy
    grace, default = policy["grace_days"], policy["default_after_days"]
    tries = days(policy["offsets"])
    return f"{policy['name']}: {tries}; overdue after {grace}, defaulted after {default} days"


def days(offsets: Sequence[int]) -> str:
    return f"days {', '.join(str(day) for day in offsets)}"


def late_fee(order: InstallmentOrder) -> str | None:
    """ "5.00 USD, 3 days after it became overdue, at most 20.00 USD"."""
    terms = order.late_fee
    if not terms:
        return None
    fee = (
        f"{terms['percentage']} %" if terms["percentage"] else f"{terms['amount']} {order.currency}"
    )
    cap = f", at most {terms['cap']} {order.currency} in all" if terms["cap"] else ""
    return f"{fee}, {terms['grace_days']} days after a part became overdue{cap}"


def next_step(order: InstallmentOrder) -> str | None:
    """What happens to the order by itself, and when."""
    if order.not_collected:
        return order.not_collected
    first = order.installments.filter(next_attempt_at__isnull=False).order_by("next_attempt_at")
    installment = first.first()
    if installment is None:
        return None
    at = f"{installment.next_attempt_at:%Y-%m-%d %H:%M} UTC"
    return f"Part {installment.installment_number} is tried at {at}."


def remaining(order: InstallmentOrder) -> str:
    """What is still to be paid: nothing of an order that was given up."""
    minor = 0 if order.status in GIVEN_UP else order.amount_remaining
    return amount_text(minor, order.currency)


def paused_by(order: InstallmentOrder) -> str | None:
    """What must end before it resumes."""
    words = {"requested": "a request", "disputed": "a dispute, whose end resumes it"}
    return words.get(order.pause_reason or "")


def follows(installment: Installment) -> str | None:
    """When it is tried next by itself, or why it is not."""
    next_attempt = installment.next_attempt_at
    return installment.why_not or (f"{next_attempt:%Y-%m-%d %H:%M:%S}" if next_attempt else None)


def differences(side: str) -> pages.Column:
    """What a revision says was before, or is after: a line for each word."""

    def show(revision: Revision) -> SafeString:
        return pages.code("\n".join(_words(getattr(revision, side))))

    return pages.column(side, show)


def _words(changed: dict[str, Any]) -> Iterator[str]:
    for name, value in changed.items():
        if name != "installments":
            yield f"{name.replace('_', ' ')}: {'-' if value is None else value}"
            continue
        for installment in value:
            number, *words = installment.items()
            shown = ", ".join(f"{word.replace('_', ' ')} {said}" for word, said in words)
            yield f"part {number[1]}: {shown}"


def freshness(sweep: Sweep) -> SafeString:
    alive_at = sweep.alive_at
    is_fresh = alive_at is not None and timezone.now() - alive_at <= settings.SWEEP_STALE_AFTER
    return pages.badge(
        "fresh" if is_fresh else "stale", {"fresh": pages.SUCCESS, "stale": pages.DANGER}
    )


STATUS = pages.column("status", order_state, ordering="status")
INSTALLMENT_STATUS = pages.state(COLOURS)
TERMS = pages.column("terms", terms)
RETRIES = pages.column("retries", retries)
LATE_FEE = pages.column("late fee", late_fee)
NEXT = pages.column("next", next_step)
PAUSED_BY = pages.column("paused by", paused_by)
FOLLOWS = pages.column("tried next", follows)
FAILURE = pages.column(
    "failure", lambda installment: installment.charge and charge_failure(installment.charge)
)
BEFORE, AFTER = differences("before"), differences("after")
REVISION = pages.column(
    "no.", lambda revision: pages.link("revision", revision.pk, revision.number)
)
CHANGE_COLOURS = {
    Change.PAUSED.value: pages.WARNING,
    Change.CANCELED.value: pages.DANGER,
    Change.LATE_FEE_ADDED.value: pages.WARNING,
    Change.REOPENED.value: pages.WARNING,
    Change.REINSTATED.value: pages.SUCCESS,
    Change.WRITTEN_OFF.value: pages.DANGER,
}
CHANGE = pages.state(CHANGE_COLOURS, "change")
REFUSED = pages.column("refused cards", refused_cards)
REMAINING = pages.column("remaining", remaining)
WRITTEN_OFF = pages.column(
    "written off", lambda order: amount_text(order.amount_written_off, order.currency)
)
ORDER = pages.column(
    "order", lambda installment: pages.link("installmentorder", installment.order_id)
)
CHARGE = pages.column("charge", lambda installment: pages.link("charge", installment.charge_id))
NUMBER = pages.column(
    "part",
    lambda installment: (
        f"{installment.installment_number} of {installment.order.installment_count}"
    ),
)
ORDER_CUSTOMER = pages.column(
    "customer", lambda installment: installment.order.customer_id, ordering="order__customer_id"
)
CHARGE_COLUMNS: list[str | pages.Column] = [
    pages.ID,
    amount("amount"),
    CHARGE_STATUS,
    METHOD,
    "failure_code",
    "attempts",
    "created_at",
]
