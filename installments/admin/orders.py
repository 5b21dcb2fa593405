"""Staff pages of installment orders, their installments and revisions."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesCheckboxFilter,
    RangeDateFilter,
)

from charges.admin.charge import ChargeAdmin
from charges.admin.columns import SHARES, events_of_this
from charges.models import Charge
from foundation.pages import (
    BY_PARTNER,
    BY_PERIOD,
    BY_STATUS,
    ID,
    PARTNER,
    CaseFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    column,
    link,
    related,
)
from installments.admin.columns import (
    AFTER,
    BEFORE,
    CHANGE,
    CHARGE,
    CHARGE_COLUMNS,
    FAILURE,
    FOLLOWS,
    INSTALLMENT_STATUS,
    LATE_FEE,
    NEXT,
    NUMBER,
    ORDER,
    OWNER,
    PAUSED_BY,
    REFUSED,
    REMAINING,
    RETRIES,
    REVISION,
    STATUS,
    TERMS,
    WRITTEN_OFF,
)
from installments.models import Installment, InstallmentOrder, Revision
from wallets.admin import BY_AMOUNT, CUSTOMER, CurrencyFilter, amount


class InstallmentInline(ReadOnlyInline):
    model = Installment
    fields = [
        column("part", lambda row: link("installment", row.pk, row.installment_number)),
        "due_date",
        amount("amount"),
        amount("late_fee"),
        INSTALLMENT_STATUS,
        "attempts",
        FAILURE,
        FOLLOWS,
        CHARGE,
        "paid_at",
    ]
    list_select_related = ["order", "charge"]
    ordering = ["installment_number"]


class RevisionInline(ReadOnlyInline):
    model = Revision
    fields = [REVISION, CHANGE, BEFORE, AFTER, "reason", "actor", "created_at"]
    ordering = ["-number"]


@admin.register(InstallmentOrder)
class InstallmentOrderAdmin(ReadOnlyAdmin):
    list_display = [
        ID,
        CUSTOMER,
        amount("amount"),
        amount("amount_paid", "paid"),
        TERMS,
        STATUS,
        PARTNER,
        "created_at",
    ]
    list_filter = [
        BY_PARTNER,
        BY_STATUS,
        ("past_due", BooleanRadioFilter),
        CurrencyFilter,
        BY_AMOUNT,
        BY_PERIOD,
    ]
    search_fields = ["customer_id", "description", "idempotency_key"]
    fieldsets = [
        (None, {"fields": ["id", STATUS, NEXT, CUSTOMER, "description", PARTNER]}),
        ("Money", {"fields": [amount("amount"), amount("amount_paid"), REMAINING, WRITTEN_OFF]}),
        (
            "Terms",
            {
                "fields": [
                    TERMS,
                    "remainder",
                    "timezone",
                    "due_hour",
                    RETRIES,
                    LATE_FEE,
                    "auto_apply",
                ]
            },
        ),
        ("Card", {"fields": ["card", REFUSED]}),
        ("As asked for", {"fields": ["split_instructions", "metadata", "idempotency_key"]}),
        (
            "Times",
            {
                "fields": [
                    "created_at",
                    "updated_at",
                    "activated_at",
                    "paused_at",
                    PAUSED_BY,
                    "completed_at",
                    "canceled_at",
                    "default_at",
                    "defaulted_at",
                    "written_off_at",
                ]
            },
        ),
    ]
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


class PartCurrencyFilter(CurrencyFilter):
    field = "order__currency"


class CollectionFilter(CaseFilter):
    """Whether it is collected by itself."""

    title = "collection"
    parameter_name = "collection"

    def cases(self) -> dict[str, Q]:
        return {
            "scheduled": Q(next_attempt_at__isnull=False),
            "not scheduled": Q(next_attempt_at=None),
        }


@admin.register(Installment)
class InstallmentAdmin(ReadOnlyAdmin):
    list_display = [
        ID,
        OWNER,
        NUMBER,
        amount("amount"),
        "due_date",
        INSTALLMENT_STATUS,
        "next_attempt_at",
        ORDER,
        CHARGE,
        PARTNER,
    ]
    list_select_related = ["partner", "order", "charge"]
    list_filter = [
        BY_PARTNER,
        BY_STATUS,
        CollectionFilter,
        PartCurrencyFilter,
        ("due_date", RangeDateFilter),
        BY_PERIOD,
    ]
    ordering = ["-id"]
    search_fields = ["order__customer_id"]
    id_fields = ["id", "order_id", "charge_id"]
    fieldsets = [
        (None, {"fields": ["id", INSTALLMENT_STATUS, NUMBER, ORDER, CHARGE, OWNER, PARTNER]}),
        ("Money", {"fields": [amount("amount"), amount("late_fee"), SHARES]}),
        (
            "Collection",
            {
                "fields": [
                    "due_date",
                    "due_at",
                    "attempts",
                    FAILURE,
                    FOLLOWS,
                    "overdue_from",
                    "late_fee_from",
                    "default_at",
                ]
            },
        ),
        (
            "Times",
            {
                "fields": [
                    "created_at",
                    "updated_at",
                    "reminded_at",
                    "tried_at",
                    "overdue_at",
                    "paid_at",
                ]
            },
        ),
    ]
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
        "id",
        ORDER,
        "number",
        CHANGE,
        BEFORE,
        AFTER,
        "reason",
        "actor",
        "request_id",
        PARTNER,
        "created_at",
    ]
