from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from charges import services, timeline
from charges.bodies import ChargeBody, check_instruction_amounts
from charges.models import Charge, ChargeStatus
from charges.serializers import ChargeResource, TimelineResource
from foundation.wire.filters import CreatedFilterSet
from foundation.wire.schema import IDEMPOTENCY_KEY, PREFER
from foundation.wire.serializers import NoBody
from partners.api import PartnerView, created, fingerprint, idempotency_key
from partners.models import Scope
from wallets.fields import minor_units

LEGS = {
    "wallet": {"wallet_amount__gt": 0, "external_amount": 0},
    "external": {"wallet_amount": 0, "external_amount__gt": 0},
    "wallet+external": {"wallet_amount__gt": 0, "external_amount__gt": 0},
}


class ChargeFilters(CreatedFilterSet):
    customer_id = filters.CharFilter()
    status = filters.ChoiceFilter(choices=ChargeStatus.choices)
    payment_method = filters.ChoiceFilter(choices=[(name, name) for name in LEGS], method="by_legs")
    installment_id = filters.UUIDFilter()
    installment_order_id = filters.UUIDFilter()

    def by_legs(self, queryset: object, name: str, value: str) -> object:
        return queryset.filter(**LEGS[value])  # type: ignore[attr-defined]


class Charges(PartnerView):
    queryset = Charge.objects.none()
    serializer_class = ChargeResource
    filterset_class = ChargeFilters
    write_scope = Scope.CHARGES

    @extend_schema(
        operation_id="charges_list",
        summary="Charges, newest first",
        responses=ChargeResource(many=True),
    )
    def get(self, request: Request) -> Response:
        return self.page(Charge.objects.owned_by(self.partner_id))

    @extend_schema(
        operation_id="charges_create",
        summary="Charge a customer: the wallet first, a card for the rest",
        parameters=[IDEMPOTENCY_KEY, PREFER],
        request=ChargeBody,
        responses={201: ChargeResource, 202: ChargeResource},
    )
    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        body = ChargeBody.shared().run_validation(request.data)
        body["amount"] = minor_units(body["amount"], body["currency"])
        check_instruction_amounts(body["split_instructions"], body["currency"])
        is_async = "respond-async" in request.headers.get("Prefer", "").lower()
        new = services.NewCharge(idempotency_key=key, fingerprint=fingerprint(request), **body)
        outcome = services.create(
            partner_id=self.partner_id, new=new, is_async=is_async, by=self.actor, now=self.now
        )
        status = 202 if outcome.charge.was_deferred else 201  # a replay's as the first request's
        return created(
            ChargeResource.render(outcome.charge), is_replay=outcome.is_replay, status=status
        )


class ChargeDetail(PartnerView):
    serializer_class = ChargeResource

    @extend_schema(operation_id="charges_get", summary="One charge")
    def get(self, request: Request, charge_id: UUID) -> Response:
        charge = get_object_or_404(Charge.objects.owned_by(self.partner_id), id=charge_id)
        return Response(ChargeResource.render(charge))


class ChargeCancel(PartnerView):
    serializer_class = ChargeResource
    write_scope = Scope.CHARGES

    @extend_schema(
        operation_id="charges_cancel",
        summary="Cancel a charge that is pending or waits for its cardholder",
        request=NoBody,
    )
    def post(self, request: Request, charge_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        charge = get_object_or_404(Charge.objects.owned_by(self.partner_id), id=charge_id)
        canceled = services.cancel(charge_id=charge.id, by=self.actor, now=self.now)
        return Response(ChargeResource.render(canceled))


class ChargeTimeline(PartnerView):
    serializer_class = TimelineResource

    @extend_schema(operation_id="charges_timeline", summary="Why a charge is what it is")
    def get(self, request: Request, charge_id: UUID) -> Response:
        charge = get_object_or_404(Charge.objects.owned_by(self.partner_id), id=charge_id)
        story = {"charge_id": charge.id, "status": charge.status, "entries": timeline.of(charge)}
        return Response(TimelineResource.render(SimpleNamespace(**story)))
