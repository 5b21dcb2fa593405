"""Staff pages of charges, saved cards and the processor's customers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter

from charges.models import Charge, ChargeStatus, PaymentMethod, ProcessorCustomer
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
    ReadOnlyAdmin,
    column,
    flagged,
    link,
    related,
)
from wallets.admin import (
    CUSTOMER,
    ENTRY_AMOUNTS,
    POSTED_AT,
    POSTED_KIND,
    TRANSACTION,
    WALLET,
    CurrencyFilter,
    LedgerEntryAdmin,
    amount,
    amount_text,
)
from wallets.models import LedgerEntry
from webhooks.admin import EventAdmin
from webhooks.models import Event

COLOURS = {
    ChargeStatus.PENDING.value: INFO,
    ChargeStatus.PROCESSING.value: INFO,
    ChargeStatus.SUCCEEDED.value: SUCCESS,
    ChargeStatus.FAILED.value: DANGER,
    ChargeStatus.REQUIRES_ACTION.value: WARNING,
    ChargeStatus.UNKNOWN.value: WARNING,
}


def charge_state(charge: Charge) -> SafeString:
    return flagged(charge.status, COLOURS, "needs review" if charge.needs_review else None)


def shares(row: Any) -> SafeString | None:
    """Who gets how much of the row's money, a line each; None when nothing is shared."""
    if not row.split_shares:
        return None
    lines = ((s["recipient"], amount_text(s["amount"], row.currency)) for s in row.split_shares)
    return format_html_join("", "<div>{}: {}</div>", lines)


def paid_by(charge: Charge) -> str | None:
    """The legs in the words of the page: what the API calls external is a card here."""
    legs = charge.payment_method
    return legs and legs.replace("external", "card").replace("+", " + ")


STATUS = column("status", charge_state, ordering="status")
METHOD = column("paid by", paid_by)
LEGS = [amount("wallet_amount", "by wallet"), amount("external_amount", "by card")]
ORDER = column("order", lambda charge: link("installmentorder", charge.installment_order_id))
INSTALLMENT = column("installment", lambda charge: link("installment", charge.installment_id))
FUNDED_BY = column(
    "wallet",
    lambda charge: link("wallet", charge.wallet_id, charge.wallet and charge.wallet.customer_id),
)
SHARES = column("shares", shares)


def events_of_this() -> type:
    """The events of the page's row, whichever model it is of."""
    return related(
        Event,
        EventAdmin,
        title="Events",
        columns=[ID, "type", "sequence", "request_id", "created_at"],
        rows=lambda resource_id: Q(resource_id=resource_id),
    )


class ReviewFilter(DropdownFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("needed", "needs review")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Charge]) -> QuerySet[Charge]:
        return queryset.exclude(needs_review="") if self.value() == "needed" else queryset


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    list_display = [
        ID, amount("amount"), STATUS, METHOD, CUSTOMER, "failure_code", ORDER, PARTNER,
        "created_at",
    ]  # fmt: skip
    list_filter = [BY_PARTNER, BY_STATUS, ReviewFilter, CurrencyFilter, BY_PERIOD]
    search_fields = ["customer_id", "external_charge_id", "description", "idempotency_key"]
    id_fields = ["id", "installment_id", "installment_order_id"]
    fieldsets = [
        (None, {"fields": ["id", STATUS, CUSTOMER, "description", PARTNER]}),
        ("Money", {"fields": [amount("amount"), *LEGS, amount("amount_refunded"), SHARES]}),
        (
            "Collection",
            {
                "fields": [
                    FUNDED_BY, "external_charge_id", "card", "attempts", "next_attempt_at",
                    "needs_review",
                ]
            },
        ),
        ("Failure", {"fields": ["failure_code", "failure_decline_code", "failure_message"]}),
        ("Belongs to", {"fields": [ORDER, INSTALLMENT]}),
        ("As asked for", {"fields": ["use_wallet", "split_instructions", "metadata"]}),
        (
            "Origin",
            {
                "fields": [
                    "actor", "idempotency_key", "created_at", "updated_at", "succeeded_at",
                    "failed_at",
                ]
            },
        ),
    ]  # fmt: skip
    change_form_datasets = [
        related(
            LedgerEntry,
            LedgerEntryAdmin,
            title="Ledger entries",
            columns=["id", POSTED_KIND, "account", WALLET, *ENTRY_AMOUNTS, TRANSACTION, POSTED_AT],
            rows=lambda charge_id: Q(transaction__charge_id=charge_id),
        ),
        events_of_this(),
    ]


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin):
    CARD = column("card", str)
    EXPIRY = column("expires", lambda card: f"{card.exp_month:02}/{card.exp_year}")
    list_display = [
        CARD, EXPIRY, CUSTOMER, "is_default", "external_id", PARTNER, "created_at", "detached_at",
    ]  # fmt: skip
    list_filter = [BY_PARTNER, BY_PERIOD]
    search_fields = ["customer_id", "external_id", "external_customer_id", "last4"]
    fieldsets = [
        (None, {"fields": ["id", CARD, EXPIRY, CUSTOMER, "is_default", PARTNER]}),
        ("At the processor", {"fields": ["external_id", "external_customer_id"]}),
        ("Times", {"fields": ["created_at", "detached_at"]}),
    ]


@admin.register(ProcessorCustomer)
class ProcessorCustomerAdmin(ReadOnlyAdmin):
    list_display = ["external_id", CUSTOMER, PARTNER, "created_at"]
    list_filter = [BY_PARTNER, BY_PERIOD]
    search_fields = ["external_id", "customer_id"]
    id_fields = []
    ordering = ["-id"]
    fields = ["external_id", CUSTOMER, PARTNER, "created_at"]
