from __future__ import annotations

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from charges import services
from charges.bodies import RefundBody
from charges.models import Charge, Refund, RefundTo
from charges.serializers import RefundResource
from foundation.wire.schema import IDEMPOTENCY_KEY
from partners.api import (
    PartnerView,
    created,
    fingerprint,
    idempotency_key,
    refuse_empty_body,
)
from partners.models import Scope
from wallets.fields import minor_units


class Refunds(PartnerView):
    queryset = Refund.objects.none()
    serializer_class = RefundResource
    write_scope = Scope.REFUNDS

    def charge(self, charge_id: UUID) -> Charge:
        return get_object_or_404(Charge.objects.owned_by(self.partner_id), id=charge_id)

    @extend_schema(
        operation_id="refunds_list",
        summary="A charge's refunds, newest first",
        responses=RefundResource(many=True),
    )
    def get(self, request: Request, charge_id: UUID) -> Response:
        return self.page(Refund.objects.filter(charge=self.charge(charge_id)))

    @extend_schema(
        operation_id="refunds_create",
        summary="Give back a charge, whole or in part",
        parameters=[IDEMPOTENCY_KEY],
        request=RefundBody,
        responses={201: RefundResource},
    )
    def post(self, request: Request, charge_id: UUID) -> Response:
        key = idempotency_key(request)
        refuse_empty_body(request)  # without an amount all that is left would go
        body = RefundBody.shared().run_validation(request.data)
        charge = self.charge(charge_id)
        amount = body["amount"]
        new = services.NewRefund(
            amount=None if amount is None else minor_units(amount, charge.currency),
            idempotency_key=key,
            fingerprint=fingerprint(request, str(charge.id)),
            refund_to=RefundTo(body["refund_to"]),
            reason=body["reason"],
        )
        outcome = services.refund(charge_id=charge.id, new=new, by=self.actor, now=self.now)
        return created(RefundResource.render(outcome.refund), is_replay=outcome.is_replay)
