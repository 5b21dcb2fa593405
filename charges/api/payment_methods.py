from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from charges import services
from charges.bodies import PaymentMethodBody, SetupBody
from charges.models import PaymentMethod
from charges.serializers import PaymentMethodResource, SetupResource
from foundation.wire.serializers import IdField
from partners.api import PartnerView
from partners.models import Scope


class CustomerFilter(filters.FilterSet):
    customer_id = filters.CharFilter()


class PaymentMethods(PartnerView):
    queryset = PaymentMethod.objects.none()
    serializer_class = PaymentMethodResource
    filterset_class = CustomerFilter
    write_scope = Scope.CHARGES

    @extend_schema(
        operation_id="payment_methods_list",
        summary="A customer's cards",
        parameters=[OpenApiParameter("customer_id", str, required=True)],
        responses=PaymentMethodResource(many=True),
    )
    def get(self, request: Request) -> Response:
        if "customer_id" not in request.query_params:
            detail = serializers.ErrorDetail("Say whose: ?customer_id=", "required")
            raise serializers.ValidationError({"customer_id": [detail]})
        IdField().run_validation(request.query_params["customer_id"])
        return self.page(PaymentMethod.objects.owned_by(self.partner_id).on_file())

    @extend_schema(
        operation_id="payment_methods_attach",
        summary="Save a customer's card by its id at Stripe",
        request=PaymentMethodBody,
        responses={201: PaymentMethodResource},
    )
    def post(self, request: Request) -> Response:
        body = PaymentMethodBody.shared().run_validation(request.data)
        saved = services.attach_payment_method(
            partner_id=self.partner_id,
            customer_id=body["customer_id"],
            payment_method=body["payment_method"],
            is_default=body["default"],
            stripe_customer=body["stripe_customer"],
            now=self.now,
        )
        return Response(PaymentMethodResource.render(saved), status=201)


class PaymentMethodDetail(PartnerView):
    serializer_class = PaymentMethodResource
    write_scope = Scope.CHARGES

    @extend_schema(operation_id="payment_methods_detach", summary="Forget a card")
    def delete(self, request: Request, payment_method_id: UUID) -> Response:
        rows = PaymentMethod.objects.owned_by(self.partner_id)
        payment_method = get_object_or_404(rows, id=payment_method_id)
        services.detach_payment_method(payment_method=payment_method, by=self.actor, now=self.now)
        return Response(status=204)


class PaymentMethodSetup(PartnerView):
    serializer_class = SetupResource
    write_scope = Scope.CHARGES

    @extend_schema(
        operation_id="payment_methods_set_up",
        summary="Begin saving a card on your own page, with Stripe.js",
        request=SetupBody,
        responses={201: SetupResource},
    )
    def post(self, request: Request) -> Response:
        body = SetupBody.shared().run_validation(request.data)
        setup = services.set_up_payment_method(
            partner_id=self.partner_id,
            customer_id=body["customer_id"],
            is_default=body["default"],
            now=self.now,
        )
        return Response(SetupResource.render(setup), status=201)
