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
from foundation import pages
from installments.admin import columns
from installments.models import Installment, InstallmentOrder, Revision
from wallets.admin import BY_AMOUNT, CUSTOMER, CurrencyFilter, amount


class InstallmentInline(pages.ReadOnlyInline):
    model = Installment
    fields = [
        pages.column("part", lambda row: pages.link("installment", row.pk, row.installment_number)),
        "due_date",
        amount("amount"),
        amount("late_fee"),
        columns.INSTALLMENT_STATUS,
        "attempts",
        columns.FAILURE,
        columns.FOLLOWS,
        columns.CHARGE,
        "paid_at",
    ]
    list_select_related = ["order", "charge"]
    ordering = ["installment_number"]


class RevisionInline(pages.ReadOnlyInline):
    model = Revision
    fields = [
        columns.REVISION,
        columns.CHANGE,
        columns.BEFORE,
        columns.AFTER,
        "reason",
        "actor",
        "created_at",
    ]
    ordering = ["-number"]


@admin.register(InstallmentOrder)
class InstallmentOrderAdmin(pages.ReadOnlyAdmin):
    list_display = [
        pages.ID,
        CUSTOMER,
        amount("amount"),
        amount("amount_paid", "paid"),
        columns.TERMS,
        columns.STATUS,
        pages.PARTNER,
        "created_at",
    ]
    list_filter = [
        pages.BY_PARTNER,
        pages.BY_STATUS,
        ("past_due", BooleanRadioFilter),
        CurrencyFilter,
        BY_AMOUNT,
        pages.BY_PERIOD,
    ]
    search_fields = ["customer_id", "description", "idempotency_key"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "id",
                    columns.STATUS,
                    columns.NEXT,
                    CUSTOMER,
                    "description",
                    pages.PARTNER,
                ]
            },
        ),
        (
            "Money",
            {
                "fields": [
                    amount("amount"),
                    amount("amount_paid"),
                    columns.REMAINING,
                    columns.WRITTEN_OFF,
                ]
            },
        ),
        (
            "Terms",
            {
                "fields": [
                    columns.TERMS,
                    "remainder",
                    "timezone",
                    "due_hour",
                    columns.RETRIES,
                    columns.LATE_FEE,
                    "auto_apply",
                ]
            },
        ),
        ("Card", {"fields": ["card", columns.REFUSED]}),
        ("As asked for", {"fields": ["split_instructions", "metadata", "idempotency_key"]}),
        (
            "Times",
            {
                "fields": [
                    "created_at",
                    "updated_at",
                    "activated_at",
                    "paused_at",
                    columns.PAUSED_BY,
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
        pages.related(
            Charge,
            ChargeAdmin,
            title="Charges",
            columns=columns.CHARGE_COLUMNS,
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


class CollectionFilter(pages.CaseFilter):
    """Whether it is collected by itself."""

    title = "collection"
    parameter_name = "collection"

    def cases(self) -> dict[str, Q]:
        return {
            "scheduled": Q(next_attempt_at__isnull=False),
            "not scheduled": Q(next_attempt_at=None),
        }


@admin.register(Installment)
class InstallmentAdmin(pages.ReadOnlyAdmin):
    list_display = [
        pages.ID,
        columns.ORDER_CUSTOMER,
        columns.NUMBER,
        amount("amount"),
        "due_date",
        columns.INSTALLMENT_STATUS,
        "next_attempt_at",
        columns.ORDER,
        columns.CHARGE,
        pages.PARTNER,
    ]
    list_select_related = ["partner", "order", "charge"]
    list_filter = [
        pages.BY_PARTNER,
        pages.BY_STATUS,
        CollectionFilter,
        PartCurrencyFilter,
        ("due_date", RangeDateFilter),
        pages.BY_PERIOD,
    ]
    ordering = ["-id"]
    search_fields = ["order__customer_id"]
    id_fields = ["id", "order_id", "charge_id"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "id",
                    columns.INSTALLMENT_STATUS,
                    columns.NUMBER,
                    columns.ORDER,
                    columns.CHARGE,
                    columns.ORDER_CUSTOMER,
                    pages.PARTNER,
                ]
            },
        ),
        ("Money", {"fields": [amount("amount"), amount("late_fee"), SHARES]}),
        (
            "Collection",
            {
                "fields": [
                    "due_date",
                    "due_at",
                    "attempts",
                    columns.FAILURE,
                    columns.FOLLOWS,
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
        pages.related(
            Charge, ChargeAdmin, title="Charges", columns=columns.CHARGE_COLUMNS, rows=_charges_of
        ),
        events_of_this(),
    ]


@admin.register(Revision)
class RevisionAdmin(pages.ReadOnlyAdmin):
    list_display = [
        pages.ID,
        columns.ORDER,
        "number",
        columns.CHANGE,
        "reason",
        "actor",
        pages.PARTNER,
        "created_at",
    ]
    list_filter = [pages.BY_PARTNER, ("change", ChoicesCheckboxFilter), pages.BY_PERIOD]
    search_fields = ["actor", "reason", "order__customer_id"]
    id_fields = ["id", "order_id"]
    ordering = ["-id"]
    fields = [
        "id",
        columns.ORDER,
        "number",
        columns.CHANGE,
        columns.BEFORE,
        columns.AFTER,
        "reason",
        "actor",
        "request_id",
        pages.PARTNER,
        "created_at",
    ]
