"""Endpoints and deliveries as partners see them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from partners.serializers import Body, FlagField, InstantField, Resource, TextField
from webhooks.models import Attempt, Delivery, DeliveryStatus, Endpoint, Event


class EventTypesField(serializers.ListField):
    """Event types by exact name; an empty list means all."""

    child = serializers.ChoiceField(choices=[(t, t) for t in settings.EVENT_TYPES])

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=len(settings.EVENT_TYPES), **kwargs)


class EndpointBody(Body):
    url = TextField(max_length=2000)
    event_types = EventTypesField(required=False, default=list)
    description = TextField(max_length=500, required=False, default="", allow_blank=True)


class EndpointChanges(Body):
    url = TextField(max_length=2000, required=False)
    event_types = EventTypesField(required=False)
    description = TextField(max_length=500, required=False, allow_blank=True)
    is_active = FlagField(required=False)


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
        return shown_url(delivery.endpoint)

    @extend_schema_field(EventResource)
    def get_payload(self, delivery: Delivery) -> dict[str, Any]:
        return EventResource.render(delivery.event)

    @extend_schema_field(AttemptResource(many=True))
    def get_attempts(self, delivery: Delivery) -> list[dict[str, Any]]:
        attempts: list[Attempt] = list(delivery.attempts.all())
        return [AttemptResource.render(attempt) for attempt in attempts]


def shown_url(endpoint: Endpoint) -> str:
    """A partner's own URL whole; the operator's without query, which may carry a token."""
    if endpoint.partner_id:
        return endpoint.url
    parts = urlsplit(endpoint.url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
