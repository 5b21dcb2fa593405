"""Endpoints and deliveries as partners see them."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from foundation.wire.serializers import Body, FlagField, InstantField, Resource, TextField
from webhooks.models import Attempt, Delivery, DeliveryStatus, Endpoint, Event

FAMILIES = sorted({name.partition(".")[0] + ".*" for name in settings.EVENT_TYPES})
WANTED = [*settings.EVENT_TYPES, *FAMILIES]


class EventTypesField(serializers.ListField):
    """Event types by exact name, or all of a family: `charge.*`; an empty list means all."""

    child = serializers.ChoiceField(choices=[(name, name) for name in WANTED])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=len(WANTED), **kwargs)


MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})"
)


class EndpointBody(Body):
    url = TextField(max_length=2000)
    event_types = EventTypesField(required=False, default=list)
    description = TextField(max_length=500, required=False, default="", allow_blank=True)


class EndpointChanges(Body):
    url = TextField(max_length=2000, required=False)
    event_types = EventTypesField(required=False)
    description = TextField(max_length=500, required=False, allow_blank=True)
    is_active = FlagField(required=False)


class MomentField(serializers.DateTimeField):
    """ISO 8601 with its offset: a moment, not a wall-clock time somewhere."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not MOMENT.fullmatch(value):
            self.fail("invalid", format="2026-01-31T09:00:00Z")
        moment: datetime = super().to_internal_value(value)
        return moment


class ReplayBody(Body):
    """Events that happened from `since` on, before `until` (now)."""

    since = MomentField()
    until = MomentField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "until" in attrs and attrs["until"] <= attrs["since"]:
            detail = serializers.ErrorDetail("Later than since.", "empty_window")
            raise serializers.ValidationError({"until": [detail]})
        return attrs


class ReplayResource(Resource):
    """How many events are owed again."""

    replayed = serializers.IntegerField()


class EndpointResource(Resource):
    id = serializers.UUIDField()
    url = serializers.CharField()
    event_types = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    is_active = serializers.BooleanField()
    disabled_reason = serializers.CharField()
    created_at = InstantField()
    updated_at = InstantField()


class NewEndpointResource(EndpointResource):
    """The only answer that carries the secret."""

    secret = serializers.CharField()


class AttemptResource(Resource):
    """Of the operator's endpoints status and time alone are told: text is empty there."""

    number = serializers.IntegerField()
    started_at = InstantField()
    duration_ms = serializers.IntegerField()
    response_status = serializers.IntegerField(allow_null=True)
    response_excerpt = serializers.CharField()
    error = serializers.CharField()


class EventResource(Resource):
    """The body that is sent, the same bytes at every attempt."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    created_at = InstantField()
    sequence = serializers.IntegerField()
    data = serializers.SerializerMethodField()  # type: ignore[assignment]  # shadows Serializer.data, unused here

    @extend_schema_field(serializers.DictField())
    def get_data(self, event: Event) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(event.data)
        return parsed


class DeliveryResource(Resource):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    event_type = serializers.CharField(source="event.type")
    endpoint_id = serializers.UUIDField()
    url = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    attempts = serializers.SerializerMethodField()
    next_attempt_at = InstantField(allow_null=True)
    created_at = InstantField()

    def get_url(self, delivery: Delivery) -> str:
        """Empty for the operator's endpoints."""
        return delivery.endpoint.url if delivery.endpoint.partner_id else ""

    @extend_schema_field(EventResource)
    def get_payload(self, delivery: Delivery) -> dict[str, Any]:
        return EventResource.render(delivery.event)

    @extend_schema_field(AttemptResource(many=True))
    def get_attempts(self, delivery: Delivery) -> list[dict[str, Any]]:
        attempts: list[Attempt] = list(delivery.attempts.all())
        untold = {} if delivery.endpoint.partner_id else {"response_excerpt": "", "error": ""}
        return [AttemptResource.render(attempt) | untold for attempt in attempts]


def shown_url(endpoint: Endpoint) -> str:
    """For staff: a partner's own URL whole, the operator's without query: it may carry a token."""
    if endpoint.partner_id:
        return endpoint.url
    parts = urlsplit(endpoint.url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
