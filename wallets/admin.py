"""Staff pages of wallets and the ledger."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import BooleanRadioFilter, ChoicesCheckboxFilter, TextFilter

from partners.staff import (
    BY_PARTNER,
    BY_PERIOD,
    DANGER,
    ID,
    INFO,
    LINE,
    PARTNER,
    SUCCESS,
    WARNING,
    Column,
    M,
    PeriodFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    Row,
    badge,
    column,
    line,
    link,
    related,
    state,
)
from wallets import money
from wallets.models import Kind, LedgerEntry, LedgerTransaction, Wallet

KIND_COLOURS = {
    Kind.CREDIT.value: SUCCESS,
    Kind.DEBIT.value: WARNING,
    Kind.CHARGE.value: INFO,
    Kind.REFUND.value: WARNING,
    Kind.REFUND_FAILED.value: DANGER,
    Kind.DISPUTE.value: DANGER,
}
MOVED = (
    LedgerEntry.objects.filter(transaction=OuterRef("pk"), amount__gt=0)
    .order_by()
    .values("transaction")
    .annotate(total=Sum("amount"))
    .values("total")
)


def amount_text(minor: int, currency: str) -> str:
    """Minor units for people: (123450, "USD") is "1,234.50 USD"."""
    whole, point, fraction = money.text(abs(minor), currency).partition(".")
    sign = "-" if minor < 0 else ""
    return f"{sign}{int(whole):,}{point}{fraction} {currency}"


def amount(field: str, name: str | None = None) -> Column:
    """The money in `field`, in the row's currency; nothing where there is none."""

    def show(row: Row) -> SafeString | None:
        minor = getattr(row, field)
        return None if minor is None else _unbroken(amount_text(minor, row.currency))

    return column(name or field.replace("_", " "), show, ordering=field)


def _unbroken(text: str) -> SafeString:
    return format_html('<span class="whitespace-nowrap">{}</span>', text)


def wallet_state(wallet: Wallet) -> SafeString:
    return badge("active" if wallet.is_active else "frozen", {"active": SUCCESS, "frozen": WARNING})


CUSTOMER = column("customer", lambda row: row.customer_id, ordering="customer_id")
STATE = column("state", wallet_state, ordering="is_active")
KIND = state(KIND_COLOURS, "kind")
MOVED_AMOUNT = column("amount", lambda row: _unbroken(amount_text(int(row.moved), row.currency)))
CHARGE = column("charge", lambda row: link("charge", row.charge_id))
REFUND = column("refund", lambda row: link("refund", row.refund_id))
DISPUTE = column("dispute", lambda row: link("dispute", row.dispute_id))
POSTED_KIND = column("kind", lambda entry: badge(entry.transaction.kind, KIND_COLOURS))
POSTED_AT = column("posted at", lambda entry: entry.transaction.created_at)
POSTED_FOR = column(
    "partner",
    lambda entry: link("partner", entry.transaction.partner_id, entry.transaction.partner),
)
TRANSACTION = column("transaction", lambda entry: link("ledgertransaction", entry.transaction_id))
DESCRIPTION = column(
    "description", lambda entry: Truncator(entry.transaction.description).chars(LINE)
)
WALLET = column(
    "wallet",
    lambda entry: link("wallet", entry.wallet_id, entry.wallet and entry.wallet.customer_id),
)
ENTRY_AMOUNTS = [amount("amount"), amount("balance_before"), amount("balance_after")]


class CurrencyFilter(TextFilter):
    """By ISO 4217 code, whatever its case."""

    title = "currency"
    parameter_name = "currency"
    field = "currency"

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        if wanted := (self.value() or "").strip().upper():
            return queryset.filter(**{self.field: wanted})
        return queryset


class EntryCurrencyFilter(CurrencyFilter):
    field = "transaction__currency"


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = [
        "id", POSTED_KIND, "account", WALLET, *ENTRY_AMOUNTS, TRANSACTION,
        POSTED_FOR, POSTED_AT,
    ]  # fmt: skip
    list_select_related = ["transaction__partner", "wallet"]
    list_filter = [
        ("transaction__partner", BY_PARTNER[1]),
        ("account", ChoicesCheckboxFilter),
        ("transaction__kind", ChoicesCheckboxFilter),
        EntryCurrencyFilter,
        ("transaction__created_at", PeriodFilter),
    ]
    search_fields = ["wallet__customer_id", "transaction__reference"]
    id_fields = ["transaction_id", "wallet_id", "transaction__charge_id"]
    fieldsets = [
        (None, {"fields": ["id", POSTED_KIND, "account", WALLET, TRANSACTION, POSTED_AT]}),
        ("Money", {"fields": ENTRY_AMOUNTS}),
    ]


class EntryInline(ReadOnlyInline):
    model = LedgerEntry
    verbose_name_plural = "entries (they sum to zero)"
    fields = ["account", WALLET, *ENTRY_AMOUNTS]
    list_select_related = ["transaction", "wallet"]
    ordering = ["id"]


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnlyAdmin):
    list_display = [
        ID, KIND, MOVED_AMOUNT, line("description"), line("reference"), CHARGE, PARTNER,
        "created_at",
    ]  # fmt: skip
    list_filter = [BY_PARTNER, ("kind", ChoicesCheckboxFilter), CurrencyFilter, BY_PERIOD]
    search_fields = ["reference", "description"]
    id_fields = ["id", "charge_id", "refund_id", "dispute_id"]
    fieldsets = [
        (None, {"fields": ["id", KIND, MOVED_AMOUNT, "description", "reference", PARTNER]}),
        ("Belongs to", {"fields": [CHARGE, REFUND, DISPUTE]}),
        ("Origin", {"fields": ["actor", "request_id", "idempotency_key", "created_at"]}),
    ]
    inlines = [EntryInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerTransaction]:
        rows: QuerySet[LedgerTransaction] = super().get_queryset(request)
        return rows.annotate(moved=Subquery(MOVED))


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    AMOUNTS = [amount("balance"), amount("held")]
    AVAILABLE = column("available", lambda row: amount_text(row.available, row.currency))
    list_display = [CUSTOMER, *AMOUNTS, AVAILABLE, STATE, PARTNER, "updated_at"]
    list_filter = [BY_PARTNER, CurrencyFilter, ("is_active", BooleanRadioFilter), BY_PERIOD]
    search_fields = ["customer_id"]
    fieldsets = [
        (None, {"fields": ["id", CUSTOMER, STATE, PARTNER]}),
        ("Money", {"fields": [*AMOUNTS, AVAILABLE, "currency"]}),
        ("Times", {"fields": ["created_at", "updated_at"]}),
    ]
    change_form_datasets = [
        related(
            LedgerEntry,
            LedgerEntryAdmin,
            title="Ledger of this wallet",
            columns=["id", POSTED_KIND, *ENTRY_AMOUNTS, DESCRIPTION, TRANSACTION, POSTED_AT],
            rows=lambda wallet_id: Q(wallet_id=wallet_id),
        )
    ]
