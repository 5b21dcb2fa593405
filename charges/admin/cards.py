"""Staff pages of saved cards and the processor's customers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from charges.models import PaymentMethod, ProcessorCustomer, StoppedCard
from foundation import pages
from wallets.admin import CUSTOMER

CARD_STATES = {
    "usable": pages.SUCCESS,
    "expired": pages.WARNING,
    "stopped": pages.DANGER,
    "removed": pages.DANGER,
    "removed, to be detached": pages.WARNING,
}


def card_state(card: Any) -> SafeString:
    return pages.badge(_state(card), CARD_STATES)


def _state(card: Any) -> str:
    if card.next_attempt_at is not None:
        return "removed, to be detached"
    if card.detached_at is not None:
        return "removed"
    if card.stopped_code is not None:
        return "stopped"
    return "expired" if card.is_expired(timezone.now().date()) else "usable"


@admin.register(PaymentMethod)
class PaymentMethodAdmin(pages.ReadOnlyAdmin):
    CARD = pages.column("card", str)
    EXPIRY = pages.column("expires", lambda card: f"{card.exp_month:02}/{card.exp_year}")
    STATE = pages.column("state", card_state)
    STOPPED_BY = pages.column("stopped by", lambda card: card.stopped_code)
    list_display = [
        CARD,
        EXPIRY,
        STATE,
        CUSTOMER,
        "is_default",
        "external_id",
        pages.PARTNER,
        "created_at",
        "detached_at",
    ]
    list_filter = [pages.BY_PARTNER, pages.BY_PERIOD]
    search_fields = ["customer_id", "external_id", "external_customer_id", "last4"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "id",
                    CARD,
                    EXPIRY,
                    STATE,
                    STOPPED_BY,
                    CUSTOMER,
                    "is_default",
                    pages.PARTNER,
                ]
            },
        ),
        ("At the processor", {"fields": ["external_id", "external_customer_id"]}),
        ("Times", {"fields": ["created_at", "chosen_at", "detached_at", "next_attempt_at"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentMethod]:
        rows: QuerySet[PaymentMethod] = super().get_queryset(request)
        stop = StoppedCard.objects.filter(
            partner=OuterRef("partner"),
            customer_id=OuterRef("customer_id"),
            card=OuterRef("external_id"),
        )
        return rows.annotate(stopped_code=Subquery(stop.values("code")))


@admin.register(StoppedCard)
class StoppedCardAdmin(pages.ReadOnlyAdmin):
    list_display = ["card", CUSTOMER, "code", pages.PARTNER, "stopped_at"]
    list_filter = [pages.BY_PARTNER, ("stopped_at", pages.PeriodFilter)]
    search_fields = ["card", "customer_id", "code"]
    id_fields = []
    ordering = ["-id"]
    fields = ["card", CUSTOMER, "code", pages.PARTNER, "stopped_at"]


@admin.register(ProcessorCustomer)
class ProcessorCustomerAdmin(pages.ReadOnlyAdmin):
    list_display = ["external_id", CUSTOMER, "is_current", pages.PARTNER, "created_at"]
    list_filter = [pages.BY_PARTNER, pages.BY_PERIOD]
    search_fields = ["external_id", "customer_id"]
    id_fields = []
    ordering = ["-id"]
    fields = ["external_id", CUSTOMER, "is_current", pages.PARTNER, "created_at"]
