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
from foundation.pages import (
    DANGER,
    ID,
    INFO,
    SUCCESS,
    WARNING,
    Column,
    badge,
    code,
    column,
    flagged,
    link,
    state,
)
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
    OrderStatus.ACTIVE.value: INFO,
    OrderStatus.PAUSED.value: WARNING,
    OrderStatus.COMPLETED.value: SUCCESS,
    OrderStatus.DEFAULTED.value: DANGER,
    OrderStatus.WRITTEN_OFF.value: DANGER,
}
COLOURS = {
    InstallmentStatus.PROCESSING.value: INFO,
    InstallmentStatus.PAID.value: SUCCESS,
    InstallmentStatus.OVERDUE.value: WARNING,
    InstallmentStatus.FAILED.value: DANGER,
}


def order_state(order: InstallmentOrder) -> SafeString:
    return flagged(order.status, ORDER_COLOURS, "past due" if order.past_due else None)


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


def differences(side: str) -> Column:
    """What a revision says was before, or is after: a line for each word."""

    def show(revision: Revision) -> SafeString:
        return code("\n".join(_words(getattr(revision, side))))

    return column(side, show)


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
    return badge("fresh" if is_fresh else "stale", {"fresh": SUCCESS, "stale": DANGER})


STATUS = column("status", order_state, ordering="status")
INSTALLMENT_STATUS = state(COLOURS)
TERMS = column("terms", terms)
RETRIES = column("retries", retries)
LATE_FEE = column("late fee", late_fee)
NEXT = column("next", next_step)
PAUSED_BY = column("paused by", paused_by)
FOLLOWS = column("tried next", follows)
FAILURE = column(
    "failure", lambda installment: installment.charge and charge_failure(installment.charge)
)
BEFORE, AFTER = differences("before"), differences("after")
REVISION = column("no.", lambda revision: link("revision", revision.pk, revision.number))
CHANGE_COLOURS = {
    Change.PAUSED.value: WARNING,
    Change.CANCELED.value: DANGER,
    Change.LATE_FEE_ADDED.value: WARNING,
    Change.REOPENED.value: WARNING,
    Change.REINSTATED.value: SUCCESS,
    Change.WRITTEN_OFF.value: DANGER,
}
CHANGE = state(CHANGE_COLOURS, "change")
REFUSED = column("refused cards", refused_cards)
REMAINING = column("remaining", remaining)
WRITTEN_OFF = column(
    "written off", lambda order: amount_text(order.amount_written_off, order.currency)
)
ORDER = column("order", lambda installment: link("installmentorder", installment.order_id))
CHARGE = column("charge", lambda installment: link("charge", installment.charge_id))
NUMBER = column(
    "part",
    lambda installment: (
        f"{installment.installment_number} of {installment.order.installment_count}"
    ),
)
OWNER = column(
    "customer", lambda installment: installment.order.customer_id, ordering="order__customer_id"
)
CHARGE_COLUMNS: list[str | Column] = [
    ID,
    amount("amount"),
    CHARGE_STATUS,
    METHOD,
    "failure_code",
    "attempts",
    "created_at",
]
