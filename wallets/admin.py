"""Staff pages of wallets and the ledger."""

from __future__ import annotations

import re
from decimal import Decimal

from babel.numbers import format_currency
from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import (
    BooleanRadioFilter,
    ChoicesCheckboxFilter,
    RangeNumericFilter,
    TextFilter,
)

from foundation import pages
from foundation.pages.exporting import Shown
from wallets import money
from wallets.models import Kind, LedgerEntry, LedgerTransaction, Wallet

KIND_COLOURS = {
    Kind.CREDIT.value: pages.SUCCESS,
    Kind.DEBIT.value: pages.WARNING,
    Kind.CHARGE.value: pages.INFO,
    Kind.REFUND.value: pages.WARNING,
    Kind.REFUND_FAILED.value: pages.DANGER,
    Kind.DISPUTE.value: pages.DANGER,
    Kind.DISPUTE_REVERSED.value: pages.SUCCESS,
    Kind.DISPUTE_FUNDS.value: pages.WARNING,
    Kind.DISPUTE_FEE.value: pages.WARNING,
    Kind.NETTING.value: pages.INFO,
    Kind.ADJUSTMENT.value: pages.WARNING,
}
BETWEEN = re.compile(r"(?<=[A-Z])(?=[0-9])")
"""Symbols that are letters stand apart from the figure (CLDR's currency spacing)."""
USUAL_CODE = "USD"
"""Has as many decimals as all codes that are not in money.UNUSUAL."""
MOVED = (
    LedgerEntry.objects.filter(transaction=OuterRef("pk"), amount__gt=0)
    .order_by()
    .values("transaction")
    .annotate(total=Sum("amount"))
    .values("total")
)


def amount_text(minor: int, currency: str) -> str:
    """Minor units for people: (123450, "USD") is "$1,234.50", (-5, "CHF") is "-CHF 0.05"."""
    exact = Decimal(money.to_decimal(minor, currency))
    places = money.exponent(currency)
    shape = "¤#,##0" + ("." + "0" * places if places else "")
    text = format_currency(exact, currency, shape, locale="en_US", currency_digits=False)
    return BETWEEN.sub(" ", text)


def amount(field: str, name: str | None = None) -> pages.Column:
    """The money in `field`, in the row's currency; nothing where there is none."""

    def show(row: pages.Row) -> SafeString | None:
        minor = getattr(row, field)
        return None if minor is None else _unbroken(minor, row.currency)

    return pages.column(name or field.replace("_", " "), show, ordering=field)


def _unbroken(minor: int, currency: str) -> SafeString:
    text = amount_text(minor, currency)
    html = format_html('<span class="whitespace-nowrap">{}</span>', text)
    return Shown.of(html, money.to_decimal(minor, currency))


def wallet_state(wallet: Wallet) -> SafeString:
    return pages.badge(
        "active" if wallet.is_active else "frozen",
        {"active": pages.SUCCESS, "frozen": pages.WARNING},
    )


CUSTOMER = pages.column("customer", lambda row: row.customer_id, ordering="customer_id")
STATE = pages.column("state", wallet_state, ordering="is_active")
KIND = pages.state(KIND_COLOURS, "kind")
MOVED_AMOUNT = pages.column("amount", lambda row: _unbroken(int(row.moved), row.currency))
CHARGE = pages.column("charge", lambda row: pages.link("charge", row.charge_id))
REFUND = pages.column("refund", lambda row: pages.link("refund", row.refund_id))
DISPUTE = pages.column("dispute", lambda row: pages.link("dispute", row.dispute_id))
POSTED_KIND = pages.column("kind", lambda entry: pages.badge(entry.transaction.kind, KIND_COLOURS))
POSTED_AT = pages.column("posted at", lambda entry: entry.transaction.created_at)
POSTED_FOR = pages.column(
    "partner",
    lambda entry: pages.link("partner", entry.transaction.partner_id, entry.transaction.partner),
)
TRANSACTION = pages.column(
    "transaction", lambda entry: pages.link("ledgertransaction", entry.transaction_id)
)
DESCRIPTION = pages.column(
    "description", lambda entry: Truncator(entry.transaction.description).chars(pages.LINE)
)
WALLET = pages.column(
    "wallet",
    lambda entry: pages.link("wallet", entry.wallet_id, entry.wallet and entry.wallet.customer_id),
)
OWED_BY = pages.column(
    "owed by",
    lambda entry: pages.link(
        "wallet", entry.owed_by_id, entry.owed_by and entry.owed_by.customer_id
    ),
)
ENTRY_AMOUNTS = [amount("amount"), amount("balance_before"), amount("balance_after")]


class CurrencyFilter(TextFilter):
    """By ISO 4217 code, whatever its case."""

    title = "currency"
    parameter_name = "currency"
    field = "currency"

    def queryset(self, request: HttpRequest, queryset: QuerySet[pages.M]) -> QuerySet[pages.M]:
        if wanted := (self.value() or "").strip().upper():
            return queryset.filter(**{self.field: wanted})
        return queryset


class AmountFilter(RangeNumericFilter):
    """From and to, in units of each row's currency: 10 is 10.00 USD and 10 JPY."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[pages.M]) -> QuerySet[pages.M]:
        for edge, lookup in (("from", "gte"), ("to", "lte")):
            text = (self.used_parameters.get(f"{self.parameter_name}_{edge}") or "").strip()
            if text:
                queryset = queryset.filter(self._limit(lookup, text))
        return queryset

    def _limit(self, lookup: str, text: str) -> Q:
        """An amount that a currency cannot have finds none of its rows."""
        cases = Q(pk__in=[])
        for places in money.EXPONENTS:
            codes = [code for code, digits in money.UNUSUAL.items() if digits == places]
            try:
                minor = money.parse(text, codes[0] if codes else USUAL_CODE)
            except (money.InvalidAmount, money.AmountPrecision):
                continue
            rows = Q(currency__in=codes) if codes else ~Q(currency__in=money.UNUSUAL)
            cases |= rows & Q(**{f"{self.field_path}__{lookup}": minor})
        return cases


BY_AMOUNT = ("amount", AmountFilter)


class EntryCurrencyFilter(CurrencyFilter):
    field = "transaction__currency"


@admin.register(LedgerEntry)
class LedgerEntryAdmin(pages.ReadOnlyAdmin):
    list_display = [
        "id",
        POSTED_KIND,
        "account",
        WALLET,
        *ENTRY_AMOUNTS,
        TRANSACTION,
        POSTED_FOR,
        POSTED_AT,
    ]
    list_select_related = ["transaction__partner", "wallet", "owed_by"]
    list_filter = [
        ("transaction__partner", pages.BY_PARTNER[1]),
        ("account", ChoicesCheckboxFilter),
        ("transaction__kind", ChoicesCheckboxFilter),
        EntryCurrencyFilter,
        ("transaction__created_at", pages.PeriodFilter),
    ]
    search_fields = ["wallet__customer_id", "transaction__reference"]
    id_fields = ["transaction_id", "wallet_id", "transaction__charge_id"]
    fieldsets = [
        (None, {"fields": ["id", POSTED_KIND, "account", WALLET, OWED_BY, TRANSACTION, POSTED_AT]}),
        ("Money", {"fields": ENTRY_AMOUNTS}),
    ]


class EntryInline(pages.ReadOnlyInline):
    model = LedgerEntry
    verbose_name_plural = "entries (they sum to zero)"
    fields = ["account", WALLET, OWED_BY, *ENTRY_AMOUNTS]
    list_select_related = ["transaction", "wallet", "owed_by"]
    ordering = ["id"]


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(pages.ReadOnlyAdmin):
    list_display = [
        pages.ID,
        KIND,
        MOVED_AMOUNT,
        pages.line("description"),
        pages.line("reference"),
        CHARGE,
        pages.PARTNER,
        "created_at",
    ]
    list_filter = [
        pages.BY_PARTNER,
        ("kind", ChoicesCheckboxFilter),
        CurrencyFilter,
        pages.BY_PERIOD,
    ]
    search_fields = ["reference", "description"]
    id_fields = ["id", "charge_id", "refund_id", "dispute_id"]
    fieldsets = [
        (None, {"fields": ["id", KIND, MOVED_AMOUNT, "description", "reference", pages.PARTNER]}),
        ("Belongs to", {"fields": [CHARGE, REFUND, DISPUTE]}),
        ("Origin", {"fields": ["actor", "request_id", "idempotency_key", "created_at"]}),
    ]
    inlines = [EntryInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerTransaction]:
        rows: QuerySet[LedgerTransaction] = super().get_queryset(request)
        return rows.annotate(moved=Subquery(MOVED))


@admin.register(Wallet)
class WalletAdmin(pages.ReadOnlyAdmin):
    AMOUNTS = [amount("balance"), amount("held"), amount("receivable")]
    AVAILABLE = pages.column("available", lambda row: _unbroken(row.available, row.currency))
    list_display = [CUSTOMER, *AMOUNTS, AVAILABLE, STATE, pages.PARTNER, "updated_at"]
    list_filter = [
        pages.BY_PARTNER,
        CurrencyFilter,
        ("is_active", BooleanRadioFilter),
        pages.BY_PERIOD,
    ]
    search_fields = ["customer_id"]
    fieldsets = [
        (None, {"fields": ["id", CUSTOMER, STATE, pages.PARTNER]}),
        ("Money", {"fields": [*AMOUNTS, AVAILABLE, "currency"]}),
        ("Times", {"fields": ["created_at", "updated_at"]}),
    ]
    # charges.admin puts the holds before it
    change_form_datasets = [
        pages.related(
            LedgerEntry,
            LedgerEntryAdmin,
            title="Ledger of this wallet",
            columns=["id", POSTED_KIND, *ENTRY_AMOUNTS, DESCRIPTION, TRANSACTION, POSTED_AT],
            rows=lambda wallet_id: Q(wallet_id=wallet_id),
        ),
        pages.related(
            LedgerEntry,
            LedgerEntryAdmin,
            title="Owed by this wallet: negative is owed, positive is owed no more",
            columns=["id", POSTED_KIND, amount("amount"), DESCRIPTION, TRANSACTION, POSTED_AT],
            rows=lambda wallet_id: Q(owed_by_id=wallet_id),
        ),
    ]
