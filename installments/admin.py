"""Staff pages of installment orders, their parts and the sweeps that collect them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.postgres.forms import SimpleArrayField
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesCheckboxFilter,
    RangeDateFilter,
)
from unfold.widgets import UnfoldAdminTextInputWidget

from charges.admin.charge import ChargeAdmin
from charges.admin.columns import METHOD, SHARES, events_of_this
from charges.admin.columns import STATUS as CHARGE_STATUS
from charges.admin.columns import failure as charge_failure
from charges.models import Charge
from installments.models import (
    Change,
    CollectionPolicy,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
    Revision,
    Sweep,
)
from installments.retries import standard_offsets
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
    RowAdmin,
    badge,
    code,
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
    part = first.first()
    if part is None:
        return None
    return f"Part {part.installment_number} is tried at {part.next_attempt_at:%Y-%m-%d %H:%M} UTC."


def paused_by(order: InstallmentOrder) -> str | None:
    """What must end before it resumes."""
    if order.status != OrderStatus.PAUSED:
        return None
    return "a request" if order.is_paused_on_request else "a dispute, whose end resumes it"


def follows(part: Installment) -> str | None:
    """When it is tried next by itself, or why it is not."""
    next_attempt = part.next_attempt_at
    return part.why_not or (f"{next_attempt:%Y-%m-%d %H:%M:%S}" if next_attempt else None)


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
        for part in value:
            number, *words = part.items()
            shown = ", ".join(f"{word.replace('_', ' ')} {said}" for word, said in words)
            yield f"part {number[1]}: {shown}"


def freshness(sweep: Sweep) -> SafeString:
    is_fresh = timezone.now() - sweep.finished_at <= settings.SWEEP_STALE_AFTER
    return badge("fresh" if is_fresh else "stale", {"fresh": SUCCESS, "stale": DANGER})


STATUS = column("status", order_state, ordering="status")
PART_STATUS = state(COLOURS)
TERMS = column("terms", terms)
RETRIES = column("retries", retries)
LATE_FEE = column("late fee", late_fee)
NEXT = column("next", next_step)
PAUSED_BY = column("paused by", paused_by)
FOLLOWS = column("tried next", follows)
FAILURE = column("failure", lambda part: part.charge and charge_failure(part.charge))
BEFORE, AFTER = differences("before"), differences("after")
REVISION = column("no.", lambda revision: link("revision", revision.pk, revision.number))
CHANGE_COLOURS = {
    Change.PAUSED.value: WARNING,
    Change.CANCELED.value: DANGER,
    Change.LATE_FEE_ADDED.value: WARNING,
}
CHANGE = state(CHANGE_COLOURS, "change")
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
        "due_date", amount("amount"), amount("late_fee"), PART_STATUS, "attempts", FAILURE,
        FOLLOWS, CHARGE, "paid_at",
    ]  # fmt: skip
    list_select_related = ["order", "charge"]
    ordering = ["installment_number"]


class RevisionInline(ReadOnlyInline):
    model = Revision
    fields = [REVISION, CHANGE, BEFORE, AFTER, "reason", "actor", "created_at"]
    ordering = ["-number"]


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
        (None, {"fields": ["id", STATUS, NEXT, CUSTOMER, "description", PARTNER]}),
        ("Money", {"fields": [amount("amount"), amount("amount_paid"), REMAINING]}),
        (
            "Terms",
            {
                "fields": [
                    TERMS, "remainder", "timezone", "due_hour", RETRIES, LATE_FEE, "auto_apply",
                ]
            },
        ),
        ("Card", {"fields": ["card", "refused_cards"]}),
        ("As asked for", {"fields": ["split_instructions", "metadata", "idempotency_key"]}),
        (
            "Times",
            {
                "fields": [
                    "created_at", "updated_at", "activated_at", "paused_at",
                    PAUSED_BY, "completed_at", "canceled_at", "default_at",
                    "defaulted_at",
                ]
            },
        ),
    ]  # fmt: skip
    inlines = [InstallmentInline, RevisionInline]
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
    list_select_related = ["partner", "order", "charge"]
    list_filter = [BY_PARTNER, BY_STATUS, ("due_date", RangeDateFilter), BY_PERIOD]
    ordering = ["-id"]
    search_fields = ["order__customer_id"]
    id_fields = ["id", "order_id", "charge_id"]
    fieldsets = [
        (None, {"fields": ["id", PART_STATUS, NUMBER, ORDER, CHARGE, OWNER, PARTNER]}),
        ("Money", {"fields": [amount("amount"), amount("late_fee"), SHARES]}),
        (
            "Collection",
            {"fields": ["due_date", "due_at", "attempts", FAILURE, FOLLOWS, "overdue_from",
                        "late_fee_from", "default_at"]},
        ),
        (
            "Times",
            {
                "fields": [
                    "created_at", "updated_at", "reminded_at", "tried_at", "overdue_at", "paid_at",
                ]
            },
        ),
    ]  # fmt: skip
    change_form_datasets = [
        related(Charge, ChargeAdmin, title="Charges", columns=CHARGE_COLUMNS, rows=_charges_of),
        events_of_this(),
    ]


@admin.register(Revision)
class RevisionAdmin(ReadOnlyAdmin):
    list_display = [ID, ORDER, "number", CHANGE, "reason", "actor", PARTNER, "created_at"]
    list_filter = [BY_PARTNER, ("change", ChoicesCheckboxFilter), BY_PERIOD]
    search_fields = ["actor", "reason", "order__customer_id"]
    id_fields = ["id", "order_id"]
    ordering = ["-id"]
    fields = [
        "id", ORDER, "number", CHANGE, BEFORE, AFTER, "reason", "actor", "request_id",
        PARTNER, "created_at",
    ]  # fmt: skip


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    offsets = SimpleArrayField(
        forms.IntegerField(min_value=0),
        widget=UnfoldAdminTextInputWidget,
        initial=standard_offsets,
        help_text=CollectionPolicy._meta.get_field("offsets").help_text,
    )

    class Meta:
        model = CollectionPolicy
        fields = ["partner", "name", "offsets", "grace_days", "default_after_days"]


@admin.register(CollectionPolicy)
class CollectionPolicyAdmin(RowAdmin):
    form = PolicyForm
    list_display = [
        "name", PARTNER, column("tries", lambda policy: days(policy.offsets)), "grace_days",
        "default_after_days", "updated_at",
    ]  # fmt: skip
    list_filter = [BY_PARTNER]
    search_fields = ["name", "partner__name"]
    id_fields = ["partner_id"]
    ordering = ["partner__name"]
    autocomplete_fields = ["partner"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CollectionPolicy | None = None
    ) -> list[str]:
        return ["partner"] if obj else []


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
