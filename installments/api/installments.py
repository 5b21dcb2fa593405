from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.wire.serializers import NoBody
from installments import services
from installments.as_of import AsOf
from installments.bodies import InstallmentChanges, ReopenBody
from installments.models import Installment
from installments.serializers import InstallmentResource
from partners.api import PartnerView
from partners.models import Scope

AS_OF = OpenApiParameter(
    "as_of", str, description="A time, or a date: then its end where the order lives."
)


class AsOfFilter(filters.FilterSet):
    as_of = filters.CharFilter(method="due_at")

    def due_at(self, queryset: Any, name: str, value: str) -> Any:
        return queryset


class InstallmentView(PartnerView):
    queryset = Installment.objects.none()
    serializer_class = InstallmentResource
    write_scope = Scope.INSTALLMENTS

    def rows(self) -> Any:
        rows = Installment.objects.owned_by(self.partner_id)
        return rows.select_related("order", "charge")

    def shown(self, installment: Installment) -> Response:
        """The installment as it now stands."""
        return Response(InstallmentResource.render(self.rows().get(id=installment.id)))


class DueInstallments(InstallmentView):
    filterset_class = AsOfFilter

    @extend_schema(
        operation_id="due_installments",
        summary="Installments that a sweep would collect now, or at as_of",
        parameters=[AS_OF],
        responses=InstallmentResource(many=True),
    )
    def get(self, request: Request) -> Response:
        text = request.query_params.get("as_of")
        try:
            as_of = AsOf.read(text) if text else AsOf(self.now)
        except (ValueError, OverflowError) as error:
            detail = serializers.ErrorDetail(str(error), "invalid")
            raise serializers.ValidationError({"as_of": [detail]}) from error
        return self.page(self.rows().due(as_of))


class InstallmentDetail(InstallmentView):
    @extend_schema(operation_id="installments_get", summary="One part")
    def get(self, request: Request, installment_id: UUID) -> Response:
        return Response(
            InstallmentResource.render(get_object_or_404(self.rows(), id=installment_id))
        )

    @extend_schema(
        operation_id="installments_reschedule",
        summary="Move an unpaid part",
        request=InstallmentChanges,
    )
    def patch(self, request: Request, installment_id: UUID) -> Response:
        installment = get_object_or_404(self.rows(), id=installment_id)
        body = InstallmentChanges.shared().run_validation(request.data)
        return self.shown(
            services.reschedule_installment(
                installment_id=installment.id, by=self.actor, now=self.now, **body
            )
        )


class InstallmentProcess(InstallmentView):
    @extend_schema(operation_id="installments_process", summary="Pay this part now", request=None)
    def post(self, request: Request, installment_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        installment = get_object_or_404(self.rows(), id=installment_id)
        return self.shown(
            services.process_installment(installment_id=installment.id, by=self.actor, now=self.now)
        )


class InstallmentReopen(InstallmentView):
    @extend_schema(
        operation_id="installments_reopen",
        summary="Collect a part again whose money went back",
        request=ReopenBody,
    )
    def post(self, request: Request, installment_id: UUID) -> Response:
        installment = get_object_or_404(self.rows(), id=installment_id)
        body = ReopenBody.shared().run_validation(request.data)
        return self.shown(
            services.reopen_installment(
                installment_id=installment.id, by=self.actor, now=self.now, **body
            )
        )
