"""Staff pages of what the processor said, and of what staff decided."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesCheckboxFilter, DropdownFilter

from charges.admin.columns import CHARGE, OUTCOME_COLOURS
from charges.models import CardAttempt, EventSync, ProcessorEvent, Resolution
from foundation import pages

OUTCOME = pages.state(OUTCOME_COLOURS, "outcome")
REFUND = pages.column("refund", lambda row: pages.link("refund", row.refund_id))
DURATION = pages.column("took", lambda row: f"{row.duration_ms:,} ms", ordering="duration_ms")
ATTEMPT_COLUMNS: list[str | pages.Column] = [
    "number",
    OUTCOME,
    "code",
    "decline_code",
    pages.line("message"),
    DURATION,
    "started_at",
]
OF_PARTNER = ("charge__partner", pages.BY_PARTNER[1])


@admin.register(CardAttempt)
class CardAttemptAdmin(pages.ReadOnlyAdmin):
    list_display = ["id", CHARGE, REFUND, *ATTEMPT_COLUMNS]
    list_select_related = ()
    list_filter = [
        OF_PARTNER,
        ("outcome", ChoicesCheckboxFilter),
        ("started_at", pages.PeriodFilter),
    ]
    search_fields = ["external_id", "code", "decline_code"]
    id_fields = ["charge_id", "refund_id"]
    fieldsets = [
        (None, {"fields": ["id", CHARGE, REFUND, "number", OUTCOME, "message"]}),
        ("Answer", {"fields": ["external_id", "code", "decline_code", "advice_code", DURATION]}),
        ("Times", {"fields": ["started_at", "next_attempt_at"]}),
    ]


@admin.register(Resolution)
class ResolutionAdmin(pages.ReadOnlyAdmin):
    list_display = ["outcome", CHARGE, REFUND, pages.line("reason"), "actor", "created_at"]
    list_select_related = ()
    list_filter = [OF_PARTNER, pages.BY_PERIOD]
    search_fields = ["reason", "actor"]
    id_fields = ["id", "charge_id", "refund_id"]
    fieldsets = [
        (None, {"fields": ["id", "outcome", CHARGE, REFUND, "reason", "evidence"]}),
        ("Origin", {"fields": ["actor", "request_id", "created_at"]}),
    ]


class EventState(DropdownFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("waiting", "waiting"), ("aside", "set aside")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProcessorEvent]
    ) -> QuerySet[ProcessorEvent]:
        if self.value() == "waiting":
            return queryset.filter(next_attempt_at__isnull=False)
        if self.value() == "aside":
            return queryset.filter(next_attempt_at=None, processed_at=None)
        return queryset


@admin.register(ProcessorEvent)
class ProcessorEventAdmin(pages.ReadOnlyAdmin):
    list_display = [
        "id",
        "type",
        "object_id",
        CHARGE,
        pages.line("outcome"),
        "source",
        "attempts",
        "received_at",
    ]
    list_select_related = ()
    list_filter = [
        EventState,
        ("source", ChoicesCheckboxFilter),
        ("received_at", pages.PeriodFilter),
    ]
    search_fields = ["id", "type", "object_id"]
    id_fields = ["charge_id"]
    fieldsets = [
        (None, {"fields": ["id", "type", "object_id", "source", CHARGE, "outcome"]}),
        ("Progress", {"fields": ["attempts", "next_attempt_at"]}),
        ("Times", {"fields": ["happened_at", "received_at", "processed_at"]}),
    ]


@admin.register(EventSync)
class EventSyncAdmin(pages.ReadOnlyAdmin):
    list_display = ["read_until", "synced_at", pages.line("types")]
    list_select_related = ()
    search_fields = ["types"]
    fieldsets = [
        (None, {"fields": ["types"]}),
        ("Progress", {"fields": ["read_until", "cursor", "walk_until", "synced_at"]}),
    ]
