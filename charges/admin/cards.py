"""Staff pages of saved cards and the processor's customers."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from charges.models import PaymentMethod, ProcessorCustomer
from partners.staff import (
    BY_PARTNER,
    BY_PERIOD,
    DANGER,
    PARTNER,
    SUCCESS,
    WARNING,
    ReadOnlyAdmin,
    badge,
    column,
)
from wallets.admin import CUSTOMER

CARD_STATES = {"usable": SUCCESS, "expired": WARNING, "removed": DANGER}


def card_state(card: PaymentMethod) -> SafeString:
    if card.detached_at is not None:
        return badge("removed", CARD_STATES)
    is_expired = card.is_expired(timezone.now().date())
    return badge("expired" if is_expired else "usable", CARD_STATES)


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin):
    CARD = column("card", str)
    EXPIRY = column("expires", lambda card: f"{card.exp_month:02}/{card.exp_year}")
    STATE = column("state", card_state)
    list_display = [
        CARD, EXPIRY, STATE, CUSTOMER, "is_default", "external_id", PARTNER, "created_at",
        "detached_at",
    ]  # fmt: skip
    list_filter = [BY_PARTNER, BY_PERIOD]
    search_fields = ["customer_id", "external_id", "external_customer_id", "last4"]
    fieldsets = [
        (None, {"fields": ["id", CARD, EXPIRY, STATE, CUSTOMER, "is_default", PARTNER]}),
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
