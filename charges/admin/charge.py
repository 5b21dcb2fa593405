"""Staff pages of charges."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from charges import timeline
from charges.admin.columns import (
    CATEGORY,
    FAILURE,
    FUNDED_BY,
    INSTALLMENT,
    LEGS,
    METHOD,
    ORDER,
    SHARES,
    STATUS,
    FailureFilter,
    ReviewFilter,
    events_of_this,
    ledger_of,
)
from charges.admin.refunds import PARTS, DisputeAdmin, RefundAdmin
from charges.models import OPEN, Charge, Dispute, Refund
from foundation.pages import (
    BY_PARTNER,
    BY_PERIOD,
    BY_STATUS,
    ID,
    PARTNER,
    PeriodFilter,
    ReadOnlyAdmin,
    column,
    related,
)
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
    return column(name, lambda row: show(row) if getattr(row, field) else None)


def follows(charge: Charge) -> str | None:
    """When another charge tried again, or why none did, as it was when this one failed."""
    if charge.failure is None:
        return None
    retry_at = charge.retry_at
    return f"{retry_at:%Y-%m-%d %H:%M:%S}" if retry_at else charge.failure["why_not"]


TIMELINE = column("timeline", story)
FOLLOWS = column("tried again", follows)
LATE_FEE = some("late fee", "late_fee")
BACK = [
    some("refunded, of the wallet leg", "wallet_refunded"),
    some("refunded, of the card leg", "external_refunded"),
    some("lost to disputes", "external_reversed"),
]


@admin.register(Charge)
class ChargeAdmin(ReadOnlyAdmin):
    list_display = [
        ID,
        amount("amount"),
        STATUS,
        METHOD,
        CUSTOMER,
        FAILURE,
        ORDER,
        PARTNER,
        "created_at",
    ]
    list_filter = [
        BY_PARTNER,
        BY_STATUS,
        ReviewFilter,
        CurrencyFilter,
        BY_AMOUNT,
        FailureFilter,
        BY_PERIOD,
        ("succeeded_at", PeriodFilter),
    ]
    search_fields = ["customer_id", "external_charge_id", "description", "idempotency_key"]
    id_fields = ["id", "installment_id", "installment_order_id"]
    processor_fields = ["external_charge_id"]
    export_fields = [
        *LEGS,
        amount("amount_refunded", "refunded"),
        "external_charge_id",
        "idempotency_key",
    ]
    fieldsets = [
        (None, {"fields": ["id", STATUS, CUSTOMER, "description", PARTNER]}),
        ("Timeline", {"fields": [TIMELINE]}),
        ("Money", {"fields": [amount("amount"), *LEGS, LATE_FEE, *BACK, SHARES]}),
        (
            "Collection",
            {
                "fields": [
                    FUNDED_BY,
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
                    CATEGORY,
                    "failure_code",
                    "failure_decline_code",
                    "failure_advice_code",
                    "failure_message",
                    FOLLOWS,
                ]
            },
        ),
        ("Belongs to", {"fields": [ORDER, INSTALLMENT]}),
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
        related(
            Refund,
            RefundAdmin,
            title="Refunds",
            columns=[ID, amount("amount"), RefundAdmin.STATUS, *PARTS, "reason", "created_at"],
            rows=lambda charge_id: Q(charge_id=charge_id),
        ),
        related(
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
        ledger_of("transaction__charge_id"),
        events_of_this(),
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
    related(
        Charge,
        ChargeAdmin,
        title="Held for charges under way",
        columns=[ID, amount("wallet_amount", "held"), STATUS, ORDER, "created_at"],
        rows=_held_from,
    ),
)
