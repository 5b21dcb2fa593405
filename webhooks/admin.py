"""Staff pages of events, endpoints and deliveries."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Case, CharField, F, Func, Q, QuerySet, Value, When
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.contrib.filters.admin import DropdownFilter

from foundation import pages
from webhooks import services
from webhooks.models import Attempt, Delivery, DeliveryStatus, Endpoint, Event
from webhooks.serializers import shown_url

DELIVERY_STATES = {
    DeliveryStatus.PENDING.value: pages.INFO,
    DeliveryStatus.DELIVERED.value: pages.SUCCESS,
    DeliveryStatus.FAILED.value: pages.WARNING,
    DeliveryStatus.EXHAUSTED.value: pages.DANGER,
}
ENDPOINT_STATES = {"active": pages.SUCCESS, "failing": pages.WARNING, "disabled": pages.DANGER}
STATUS = pages.state(DELIVERY_STATES)


def resource(event: Event) -> str | None:
    """A link to what the event is about: `installment_order.activated` names its model."""
    name = event.type.partition(".")[0]
    return pages.link(name.replace("_", ""), event.resource_id)


def endpoint_state(endpoint: Endpoint) -> SafeString:
    if endpoint.deleted_at is not None:
        return pages.badge("deleted", ENDPOINT_STATES)
    if not endpoint.is_active:
        return pages.badge("disabled", ENDPOINT_STATES)
    return pages.badge("failing" if endpoint.failing_since else "active", ENDPOINT_STATES)


def result(attempt: Attempt) -> SafeString:
    """The status that the receiver answered with, red unless it is a success (2xx)."""
    status = attempt.response_status
    is_success = status is not None and 200 <= status < 300 and not attempt.error
    text = str(status or "no answer")
    return pages.badge(text, {text: pages.SUCCESS if is_success else pages.DANGER})


def searched_url(prefix: str = "") -> Case:
    """As staff see it: a search must not tell the token of an operator's URL letter by letter."""
    url = F(f"{prefix}url")
    path = Func(url, Value("?"), Value(1), function="split_part", output_field=CharField())
    return Case(When(**{f"{prefix}partner": None}, then=path), default=url)


URL = pages.column("URL", shown_url, ordering="url")
SHORT_URL = pages.column(
    "URL", lambda endpoint: Truncator(shown_url(endpoint)).chars(pages.LINE), ordering="url"
)
PARTNER_OR_OPERATOR = pages.column(
    "partner",
    lambda endpoint: pages.link("partner", endpoint.partner_id, endpoint.partner) or "operator",
    ordering="partner__name",
)
EVENT_TYPES = pages.column("event types", lambda endpoint: ", ".join(endpoint.event_types) or "all")
EVENT = pages.column(
    "event", lambda delivery: pages.link("event", delivery.event_id, delivery.event)
)
ENDPOINT = pages.column(
    "endpoint",
    lambda delivery: pages.link(
        "endpoint", delivery.endpoint_id, Truncator(shown_url(delivery.endpoint)).chars(pages.LINE)
    ),
)
DELIVERY = pages.column("delivery", lambda attempt: pages.link("delivery", attempt.delivery_id))
RESULT = pages.column("result", result)
DURATION = pages.column(
    "duration", lambda attempt: f"{attempt.duration_ms:,} ms", ordering="duration_ms"
)


class EventType(DropdownFilter):
    """Event types of the catalogue, by `field`."""

    title = "type"
    parameter_name = "type"
    field = "type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, name) for name in settings.EVENT_TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class DeliveredEventType(EventType):
    title = "event type"
    field = "event__type"


class AttemptInline(pages.ReadOnlyInline):
    model = Attempt
    fields = ["number", "started_at", RESULT, DURATION, "error", "response_excerpt"]


@admin.register(Delivery)
class DeliveryAdmin(pages.ReadOnlyAdmin):
    list_display = [
        pages.ID,
        EVENT,
        ENDPOINT,
        STATUS,
        "attempt_count",
        "next_attempt_at",
        pages.PARTNER,
        "created_at",
    ]
    list_select_related = ["partner", "event", "endpoint"]
    list_filter = [pages.BY_PARTNER, pages.BY_STATUS, DeliveredEventType, pages.BY_PERIOD]
    search_fields = ["searched_url"]
    id_fields = ["id", "event_id", "endpoint_id", "event__resource_id"]
    fieldsets = [
        (None, {"fields": ["id", EVENT, ENDPOINT, STATUS, pages.PARTNER]}),
        (
            "Progress",
            {"fields": ["attempt_count", "next_attempt_at", "delivered_at", "created_at"]},
        ),
    ]
    inlines = [AttemptInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        deliveries: QuerySet[Delivery] = super().get_queryset(request)
        return deliveries.annotate(searched_url=searched_url("endpoint__"))


@admin.register(Attempt)
class AttemptAdmin(pages.ReadOnlyAdmin):
    list_display = [
        "id",
        DELIVERY,
        "number",
        RESULT,
        DURATION,
        pages.line("error"),
        "started_at",
    ]
    list_select_related = ["delivery"]
    list_filter = [("delivery__partner", pages.BY_PARTNER[1]), ("started_at", pages.PeriodFilter)]
    ordering = ["-id"]
    search_fields = ["error"]
    id_fields = ["delivery_id", "delivery__event_id", "delivery__endpoint_id"]
    fields = [
        DELIVERY,
        "number",
        "started_at",
        RESULT,
        DURATION,
        "error",
        pages.column("answer", lambda attempt: pages.code(attempt.response_excerpt)),
    ]


@admin.register(Event)
class EventAdmin(pages.ReadOnlyAdmin):
    RESOURCE = pages.column("resource", resource)
    list_display = [pages.ID, "type", RESOURCE, "sequence", pages.PARTNER, "created_at"]
    list_filter = [pages.BY_PARTNER, EventType, pages.BY_PERIOD]
    search_fields = ["request_id"]
    id_fields = ["id", "resource_id"]
    fieldsets = [
        (None, {"fields": ["id", "type", RESOURCE, "sequence", pages.PARTNER]}),
        ("Origin", {"fields": ["request_id", "created_at"]}),
        (
            "Data",
            {"fields": [pages.column("data", lambda event: pages.code(_indented(event.data)))]},
        ),
    ]
    change_form_datasets = [
        pages.related(
            Delivery,
            DeliveryAdmin,
            title="Deliveries",
            columns=[
                pages.ID,
                ENDPOINT,
                STATUS,
                "attempt_count",
                "next_attempt_at",
                "delivered_at",
            ],
            rows=lambda event_id: Q(event_id=event_id),
        )
    ]


def _indented(data: str) -> str:
    return json.dumps(json.loads(data), indent=2, ensure_ascii=False)


THERE = Q(deleted_at=None)
DISABLED_BY_US = THERE & Q(partner__isnull=False, is_active=False) & ~Q(disabled_reason="")


class StateFilter(pages.CaseFilter):
    title = "state"
    parameter_name = "state"

    def cases(self) -> dict[str, Q]:
        is_failing = Q(failing_since__isnull=False)
        return {
            "active": THERE & Q(is_active=True) & ~is_failing,
            "failing": THERE & Q(is_active=True) & is_failing,
            "disabled": THERE & Q(is_active=False),
            "disabled by us": DISABLED_BY_US,
            "deleted": ~THERE,
        }


@admin.register(Endpoint)
class EndpointAdmin(pages.DoorAdmin):
    STATE = pages.column("state", endpoint_state)
    list_display = [
        SHORT_URL,
        PARTNER_OR_OPERATOR,
        EVENT_TYPES,
        STATE,
        "failing_since",
        pages.line("description"),
        "created_at",
    ]
    list_filter = [pages.BY_PARTNER, StateFilter, pages.BY_PERIOD]
    search_fields = ["searched_url", "description"]
    readonly_fields = [
        "id",
        URL,
        PARTNER_OR_OPERATOR,
        EVENT_TYPES,
        STATE,
        "failing_since",
        "failures",
        "rests_until",
        "disabled_reason",
        "previous_secret_until",
        "deleted_at",
        "created_at",
        "updated_at",
    ]
    fieldsets = [
        (
            None,
            {"fields": ["id", URL, PARTNER_OR_OPERATOR, EVENT_TYPES, "description", "is_active"]},
        ),
        (
            "Health",
            {"fields": [STATE, "failing_since", "failures", "rests_until", "disabled_reason"]},
        ),
        (
            "Times",
            {"fields": ["created_at", "updated_at", "previous_secret_until", "deleted_at"]},
        ),
    ]
    change_form_datasets = [
        pages.related(
            Delivery,
            DeliveryAdmin,
            title="Latest deliveries",
            columns=[pages.ID, EVENT, STATUS, "attempt_count", "next_attempt_at", "created_at"],
            rows=lambda endpoint_id: Q(endpoint_id=endpoint_id),
        )
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Endpoint]:
        endpoints: QuerySet[Endpoint] = super().get_queryset(request)
        return endpoints.annotate(searched_url=searched_url())

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Endpoint | None = None) -> bool:
        """The operator's endpoints follow the setting WEBHOOK_URLS, the deleted stay so."""
        is_fixed = obj is not None and (obj.partner_id is None or obj.deleted_at is not None)
        return not is_fixed and super().has_change_permission(request, obj)

    def save_model(
        self, request: HttpRequest, obj: Endpoint, form: ModelForm[Endpoint], change: bool
    ) -> None:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        services.update_endpoint(endpoint=obj, changes=changes, now=timezone.now())
