"""Staff pages of installment orders, their parts and the sweeps that collect them."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import BooleanRadioFilter, RangeDateFilter

from charges.admin.charge import ChargeAdmin
from charges.admin.columns import METHOD, SHARES, events_of_this
from charges.admin.columns import STATUS as CHARGE_STATUS
from charges.models import Charge
from installments.models import (
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
    Sweep,
)
from partners.staff import (
    BY_PARTNER,
    BY_PERIOD,
    BY_STATUS,
    DANGER,
    ID,
    INFO,
    PARTNER,
    SUCCESS,
    WARNING,
    Column,
    ReadOnlyAdmin,
    ReadOnlyInline,
    badge,
    column,
    flagged,
    link,
    related,
    state,
)
from wallets.admin import CUSTOMER, CurrencyFilter, amount, amount_text

ORDER_COLOURS = {
    OrderStatus.ACTIVE.value: INFO,
    OrderStatus.PAUSED.value: WARNING,
    OrderStatus.COMPLETED.value: SUCCESS,
    OrderStatus.DEFAULTED.value: DANGER,
}
COLOURS = {
    InstallmentStatus.PROCESSING.value: INFO,
    InstallmentStatus.PAID.value: SUCCESS,
    InstallmentStatus.OVERDUE.value: WARNING,
    InstallmentStatus.FAILED.value: DANGER,
}


def order_state(order: InstallmentOrder) -> SafeString:
    return flagged(order.status, ORDER_COLOURS, "past due" if order.past_due else None)


def terms(order: InstallmentOrder) -> str:
    """ "6 x monthly", "4 x every 2 weekly", "3 parts" for a list of dates."""
    if not order.frequency:
        return f"{order.installment_count} parts"
    every = f"every {order.interval} x " if order.interval and order.interval > 1 else ""
    return f"{order.installment_count} x {every}{order.frequency}"


def retries(order: InstallmentOrder) -> str:
    """The frozen policy: "standard: days 0, 1, 3; defaulted after 30 days"."""
    policy = order.retry_policy
    days = ", ".join(str(day) for day in policy["offsets"])
    return f"{policy['name']}: days {days}; defaulted after {policy['default_after_days']} days"


def freshness(sweep: Sweep) -> SafeString:
    is_fresh = timezone.now() - sweep.finished_at <= settings.SWEEP_STALE_AFTER
    return badge("fresh" if is_fresh else "stale", {"fresh": SUCCESS, "stale": DANGER})


STATUS = column("status", order_state, ordering="status")
PART_STATUS = state(COLOURS)
TERMS = column("terms", terms)
RETRIES = column("retries", retries)
REMAINING = column("remaining", lambda order: amount_text(order.amount_remaining, order.currency))
ORDER = column("order", lambda part: link("installmentorder", part.order_id))
CHARGE = column("charge", lambda part: link("charge", part.charge_id))
NUMBER = column("part", lambda part: f"{part.installment_number} of {part.order.installment_count}")
OWNER = column("customer", lambda part: part.order.customer_id, ordering="order__customer_id")
CHARGE_COLUMNS: list[str | Column] = [
    ID, amount("amount"), CHARGE_STATUS, METHOD, "failure_code", "attempts", "created_at",
]  # fmt: skip


class InstallmentInline(ReadOnlyInline):
    model = Installment
    fields = [
        column("part", lambda part: link("installment", part.pk, part.installment_number)),
        "due_date", amount("amount"), PART_STATUS, "attempts", "next_attempt_at", CHARGE,
        "paid_at",
    ]  # fmt: skip
    list_select_related = ["order"]
    ordering = ["installment_number"]


@admin.register(InstallmentOrder)
class InstallmentOrderAdmin(ReadOnlyAdmin):
    list_display = [
        ID, CUSTOMER, amount("amount"), amount("amount_paid", "paid"), TERMS, STATUS, PARTNER,
        "created_at",
    ]  # fmt: skip
    list_filter = [
        BY_PARTNER, BY_STATUS, ("past_due", BooleanRadioFilter), CurrencyFilter, BY_PERIOD,
    ]  # fmt: skip
    search_fields = ["customer_id", "description", "idempotency_key"]
    fieldsets = [
        (None, {"fields": ["id", STATUS, CUSTOMER, "description", PARTNER]}),
        ("Money", {"fields": [amount("amount"), amount("amount_paid"), REMAINING]}),
        ("Terms", {"fields": [TERMS, "remainder", "timezone", "auto_apply", RETRIES]}),
        ("Card", {"fields": ["card", "refused_card"]}),
        ("As asked for", {"fields": ["split_instructions", "metadata", "idempotency_key"]}),
        (
            "Times",
            {
                "fields": [
                    "created_at", "updated_at", "activated_at", "completed_at", "canceled_at",
                    "default_at", "defaulted_at",
                ]
            },
        ),
    ]  # fmt: skip
    inlines = [InstallmentInline]
    change_form_datasets = [
        related(
            Charge,
            ChargeAdmin,
            title="Charges",
            columns=CHARGE_COLUMNS,
            rows=lambda order_id: Q(installment_order_id=order_id),
        ),
        events_of_this(),
    ]


def _charges_of(installment_id: str) -> Q:
    """All attempts, found through the order, which has the index."""
    order = Installment.objects.filter(pk=installment_id).values("order_id")
    return Q(installment_order_id__in=order, installment_id=installment_id)


@admin.register(Installment)
class InstallmentAdmin(ReadOnlyAdmin):
    list_display = [
        ID, OWNER, NUMBER, amount("amount"), "due_date", PART_STATUS, "next_attempt_at", ORDER,
        CHARGE, PARTNER,
    ]  # fmt: skip
    list_select_related = ["partner", "order"]
    list_filter = [BY_PARTNER, BY_STATUS, ("due_date", RangeDateFilter), BY_PERIOD]
    ordering = ["-id"]
    search_fields = ["order__customer_id"]
    id_fields = ["id", "order_id", "charge_id"]
    fieldsets = [
        (None, {"fields": ["id", PART_STATUS, NUMBER, ORDER, CHARGE, OWNER, PARTNER]}),
        ("Money", {"fields": [amount("amount"), SHARES]}),
        (
            "Collection",
            {"fields": ["due_date", "due_at", "attempts", "next_attempt_at", "overdue_from"]},
        ),
        ("Times", {"fields": ["created_at", "updated_at", "overdue_at", "paid_at"]}),
    ]
    change_form_datasets = [
        related(Charge, ChargeAdmin, title="Charges", columns=CHARGE_COLUMNS, rows=_charges_of),
        events_of_this(),
    ]


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    STATE = column("state", freshness)
    TOOK = column(
        "took", lambda sweep: f"{(sweep.finished_at - sweep.started_at).total_seconds():,.1f} s"
    )
    list_display = ["name", STATE, "finished_at", TOOK, "collected"]
    list_select_related = ()
    ordering = ["name"]
    id_fields = []
    fields = ["name", STATE, "started_at", "finished_at", TOOK, "collected"]
