from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from foundation.wire.filters import CreatedFilterSet
from foundation.wire.serializers import NoBody, Resource
from partners.api import PartnerView
from partners.models import Scope
from webhooks import services
from webhooks.models import Delivery, DeliveryStatus, Endpoint, Event, EventQuerySet
from webhooks.serializers import (
    DeliveryResource,
    EndpointBody,
    EndpointChanges,
    EndpointResource,
    EventResource,
    NewEndpointResource,
    ReplayBody,
    ReplayResource,
)


class DeliveryFilters(CreatedFilterSet):
    event_type = filters.ChoiceFilter(
        field_name="event__type", choices=[(name, name) for name in settings.EVENT_TYPES]
    )
    status = filters.ChoiceFilter(choices=DeliveryStatus.choices)
    endpoint_id = filters.UUIDFilter()


class DeliveryView(PartnerView):
    serializer_class = DeliveryResource

    def rows(self) -> QuerySet[Delivery]:
        deliveries = Delivery.objects.owned_by(self.partner_id)
        return deliveries.select_related("event", "endpoint").prefetch_related("attempts")


class Deliveries(DeliveryView):
    queryset = Delivery.objects.none()
    filterset_class = DeliveryFilters

    @extend_schema(
        operation_id="webhooks_list",
        summary="Webhook deliveries, newest first",
        responses=DeliveryResource(many=True),
    )
    def get(self, request: Request) -> Response:
        return self.page(self.rows())


class DeliveryDetail(DeliveryView):
    @extend_schema(operation_id="webhooks_get", summary="One webhook delivery with its attempts")
    def get(self, request: Request, delivery_id: UUID) -> Response:
        return Response(DeliveryResource.render(get_object_or_404(self.rows(), id=delivery_id)))


AFTER = OpenApiParameter(
    "after",
    OpenApiTypes.UUID,
    description="The last event you have; of all zeros: from the first one on. Then oldest first.",
)
FIRST = UUID(int=0)


class EventFilters(CreatedFilterSet):
    type = filters.ChoiceFilter(choices=[(name, name) for name in settings.EVENT_TYPES])
    resource_id = filters.UUIDFilter()
    after = filters.UUIDFilter(method="as_feed")

    def as_feed(self, queryset: QuerySet[Event], name: str, value: UUID) -> QuerySet[Event]:
        return queryset  # another order needs another page: see Events.get


class EventView(PartnerView):
    queryset = Event.objects.none()
    serializer_class = EventResource

    def rows(self) -> EventQuerySet:
        return Event.objects.owned_by(self.partner_id)


class Events(EventView):
    filterset_class = EventFilters

    @extend_schema(
        operation_id="events_list",
        summary="Events, newest first; the feed, oldest first, with `after`",
        parameters=[AFTER],
        responses=EventResource(many=True),
    )
    def get(self, request: Request) -> Response:
        if "after" not in request.query_params:
            return self.page(self.rows())
        self.filter_queryset(self.rows())  # refuses what it does not know
        pages: Any = self.paginator
        wanted = self.filter_queryset(self.rows().after(self._last(request)))
        found = list(wanted[: pages.get_page_size(request)])
        last = str(found[-1].id) if found else request.query_params["after"]
        following = replace_query_param(request.build_absolute_uri(), "after", last)
        shown = [EventResource.render(event) for event in found]
        return Response({"results": shown, "next": following, "previous": None})

    def _last(self, request: Request) -> Event | None:
        last = UUID(request.query_params["after"])
        return None if last == FIRST else get_object_or_404(self.rows(), id=last)


class EventDetail(EventView):
    @extend_schema(operation_id="events_get", summary="One event")
    def get(self, request: Request, event_id: UUID) -> Response:
        return Response(EventResource.render(get_object_or_404(self.rows(), id=event_id)))


class DeliveryReplay(DeliveryView):
    write_scope = Scope.WEBHOOKS

    @extend_schema(
        operation_id="webhooks_replay", summary="Send it again now, with the same id", request=None
    )
    def post(self, request: Request, delivery_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        delivery = get_object_or_404(self.rows(), id=delivery_id, endpoint__partner__isnull=False)
        services.replay_delivery(delivery=delivery, now=self.now)
        return Response(DeliveryResource.render(self.rows().get(id=delivery_id)))


class Endpoints(PartnerView):
    queryset = Endpoint.objects.none()
    serializer_class = EndpointResource
    write_scope = Scope.WEBHOOKS

    @extend_schema(
        operation_id="endpoints_list",
        summary="Webhook endpoints",
        responses=EndpointResource(many=True),
    )
    def get(self, request: Request) -> Response:
        return self.page(Endpoint.objects.owned_by(self.partner_id).of_partners())

    @extend_schema(
        operation_id="endpoints_create",
        summary="Register an endpoint; its secret is shown only here",
        request=EndpointBody,
        responses={201: NewEndpointResource},
    )
    def post(self, request: Request) -> Response:
        body = EndpointBody.shared().run_validation(request.data)
        endpoint = services.create_endpoint(partner_id=self.partner_id, now=self.now, **body)
        return Response(NewEndpointResource.render(endpoint), status=201)


class EndpointView(PartnerView):
    serializer_class: type[Resource] = EndpointResource
    write_scope = Scope.WEBHOOKS

    def endpoint(self, endpoint_id: UUID) -> Endpoint:
        rows = Endpoint.objects.owned_by(self.partner_id).of_partners()
        return get_object_or_404(rows, id=endpoint_id)


class EndpointRotate(EndpointView):
    @extend_schema(
        operation_id="endpoints_rotate_secret",
        summary="A fresh secret, shown only here; the old one signs for 24 hours too",
        request=None,
        responses={200: NewEndpointResource},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        rotated = services.rotate_secret(endpoint=self.endpoint(endpoint_id), now=self.now)
        return Response(NewEndpointResource.render(rotated))


class EndpointTest(EndpointView):
    @extend_schema(
        operation_id="endpoints_test",
        summary="Send a test event to this endpoint alone",
        request=None,
        responses={201: DeliveryResource},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        delivery = services.send_test(
            endpoint=self.endpoint(endpoint_id), by=self.actor, now=self.now
        )
        return Response(DeliveryResource.render(delivery), status=201)


class EndpointReplay(EndpointView):
    @extend_schema(
        operation_id="endpoints_replay",
        summary="Send all events of a window again, or for the first time",
        request=ReplayBody,
        responses={200: ReplayResource},
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = self.endpoint(endpoint_id)
        body = ReplayBody.shared().run_validation(request.data)
        count = services.replay_window(
            endpoint=endpoint,
            since=body["since"],
            until=body.get("until", self.now),
            now=self.now,
        )
        return Response({"replayed": count})


class EndpointDetail(EndpointView):
    @extend_schema(operation_id="endpoints_get", summary="One endpoint")
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        return Response(EndpointResource.render(self.endpoint(endpoint_id)))

    @extend_schema(
        operation_id="endpoints_update", summary="Change an endpoint", request=EndpointChanges
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        endpoint = self.endpoint(endpoint_id)
        changes = EndpointChanges.shared().run_validation(request.data)
        changed = services.update_endpoint(endpoint=endpoint, changes=changes, now=self.now)
        return Response(EndpointResource.render(changed))

    @extend_schema(operation_id="endpoints_delete", summary="Delete an endpoint")
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        services.delete_endpoint(endpoint=self.endpoint(endpoint_id), now=self.now)
        return Response(status=204)
