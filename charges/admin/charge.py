"""Staff pages of charges."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from charges import timeline
from charges.admin import columns
from charges.admin.refunds import PARTS, DisputeAdmin, RefundAdmin
from charges.models import OPEN, Charge, Dispute, Refund
from foundation import pages
from wallets.admin import (
    BY_AMOUNT,
    CUSTOMER,
    CurrencyFilter,
    WalletAdmin,
    amount,
)
from wallets.models import Wallet


def story(charge: Charge) -> SafeString:
    entries = timeline.of(charge, names_staff=True)
    return render_to_string("admin/charges/timeline.html", {"entries": entries})


def some(name: str, field: str) -> object:
    """An amount that most charges have nothing of: left out of the page then."""
    show = amount(field)
    return pages.column(name, lambda row: show(row) if getattr(row, field) else None)


def follows(charge: Charge) -> str | None:
    """When another charge tried again, or why none did, as it was when this one failed."""
    if charge.failure is None:
        return None
    retry_at = charge.retry_at
    return f"{retry_at:%Y-%m-%d %H:%M:%S}" if retry_at else charge.failure["why_not"]


TIMELINE = pages.column("timeline", story)
FOLLOWS = pages.column("tried again", follows)
LATE_FEE = some("late fee", "late_fee")
BACK = [
    some("refunded, of the wallet leg", "wallet_refunded"),
    some("refunded, of the card leg", "external_refunded"),
    some("lost to disputes", "external_reversed"),
]


@admin.register(Charge)
class ChargeAdmin(pages.ReadOnlyAdmin):
    list_display = [
        pages.ID,
        amount("amount"),
        columns.STATUS,
        columns.METHOD,
        CUSTOMER,
        columns.FAILURE,
        columns.ORDER,
        pages.PARTNER,
        "created_at",
    ]
    list_filter = [
        pages.BY_PARTNER,
        pages.BY_STATUS,
        columns.ReviewFilter,
        CurrencyFilter,
        BY_AMOUNT,
        columns.FailureFilter,
        pages.BY_PERIOD,
        ("succeeded_at", pages.PeriodFilter),
    ]
    search_fields = ["customer_id", "external_charge_id", "description", "idempotency_key"]
    id_fields = ["id", "installment_id", "installment_order_id"]
    processor_fields = ["external_charge_id"]
    export_fields = [
        *columns.LEGS,
        amount("amount_refunded", "refunded"),
        "external_charge_id",
        "idempotency_key",
    ]
    fieldsets = [
        (None, {"fields": ["id", columns.STATUS, CUSTOMER, "description", pages.PARTNER]}),
        ("Timeline", {"fields": [TIMELINE]}),
        ("Money", {"fields": [amount("amount"), *columns.LEGS, LATE_FEE, *BACK, columns.SHARES]}),
        (
            "Collection",
            {
                "fields": [
                    columns.FUNDED_BY,
                    "external_charge_id",
                    "card",
                    "attempts",
                    "next_attempt_at",
                    "waiting_since",
                    "cancel_requested_at",
                    "needs_review",
                    "action_expires_at",
                ]
            },
        ),
        (
            "Failure",
            {
                "fields": [
                    columns.CATEGORY,
                    "failure_code",
                    "failure_decline_code",
                    "failure_advice_code",
                    "failure_message",
                    FOLLOWS,
                ]
            },
        ),
        ("Belongs to", {"fields": [columns.ORDER, columns.INSTALLMENT]}),
        ("As asked for", {"fields": ["use_wallet", "split_instructions", "metadata"]}),
        (
            "Origin",
            {
                "fields": [
                    "actor",
                    "idempotency_key",
                    "created_at",
                    "updated_at",
                    "succeeded_at",
                    "failed_at",
                    "canceled_at",
                    "reopened_at",
                ]
            },
        ),
    ]
    change_form_datasets = [
        pages.related(
            Refund,
            RefundAdmin,
            title="Refunds",
            columns=[
                pages.ID,
                amount("amount"),
                RefundAdmin.STATUS,
                *PARTS,
                "reason",
                "created_at",
            ],
            rows=lambda charge_id: Q(charge_id=charge_id),
        ),
        pages.related(
            Dispute,
            DisputeAdmin,
            title="Disputes",
            columns=[
                "external_id",
                amount("amount"),
                DisputeAdmin.STATUS,
                "reason",
                "evidence_due_at",
            ],
            rows=lambda charge_id: Q(charge_id=charge_id),
        ),
        columns.ledger_of("transaction__charge_id"),
        columns.events_of_this(),
    ]


def _held_from(wallet_id: str) -> Q:
    """Open charges of the wallet's customer, found by the index of customers."""
    wallet = Wallet.objects.filter(pk=wallet_id)
    return Q(
        partner_id__in=wallet.values("partner_id"),
        customer_id__in=wallet.values("customer_id"),
        status__in=OPEN,
        wallet_amount__gt=0,
    )


WalletAdmin.change_form_datasets.insert(
    0,
    pages.related(
        Charge,
        ChargeAdmin,
        title="Held for charges under way",
        columns=[
            pages.ID,
            amount("wallet_amount", "held"),
            columns.STATUS,
            columns.ORDER,
            "created_at",
        ],
        rows=_held_from,
    ),
)
