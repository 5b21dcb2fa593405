from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.wire.filters import CreatedFilterSet, FlagFilter
from foundation.wire.schema import IDEMPOTENCY_KEY
from foundation.wire.serializers import NoBody, Resource
from installments import services
from installments.api.creating import new_order, shown
from installments.bodies import OrderBody, OrderChanges, ReasonBody, ResumeBody, WriteOffBody
from installments.models import InstallmentOrder, OrderStatus
from installments.serializers import (
    InstallmentResource,
    OrderResource,
    PreviewResource,
    RevisionResource,
)
from partners.api import PartnerView, created, fingerprint, idempotency_key
from partners.models import Scope


class OrderFilters(CreatedFilterSet):
    customer_id = filters.CharFilter()
    status = filters.ChoiceFilter(choices=OrderStatus.choices)
    past_due = FlagFilter()


class OrderView(PartnerView):
    queryset = InstallmentOrder.objects.none()
    serializer_class: type[Resource] = OrderResource
    write_scope = Scope.INSTALLMENTS

    def rows(self) -> QuerySet[InstallmentOrder]:
        return InstallmentOrder.objects.owned_by(self.partner_id)

    def order(self, order_id: UUID) -> InstallmentOrder:
        return get_object_or_404(self.rows(), id=order_id)

    def shown(self, order: InstallmentOrder) -> Response:
        """The order as it now stands."""
        return Response(
            OrderResource.render(InstallmentOrder.objects.with_installments().get(id=order.id))
        )


class Orders(OrderView):
    filterset_class = OrderFilters

    @extend_schema(
        operation_id="orders_list",
        summary="Installment orders, newest first",
        responses=OrderResource(many=True),
    )
    def get(self, request: Request) -> Response:
        return self.page(InstallmentOrder.objects.owned_by(self.partner_id).with_installments())

    @extend_schema(
        operation_id="orders_create",
        summary="Agree on an amount in parts",
        parameters=[IDEMPOTENCY_KEY],
        request=OrderBody,
        responses={201: OrderResource},
    )
    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        body = OrderBody.shared().run_validation(request.data)
        activate, preview_hash = body.pop("activate"), body.pop("preview_hash", None)
        outcome = services.create_order(
            partner_id=self.partner_id,
            new=new_order(body),
            idempotency_key=key,
            fingerprint=fingerprint(request),
            activate=activate,
            preview_hash=preview_hash,
            by=self.actor,
            now=self.now,
        )
        return created(self.shown(outcome.order).data, is_replay=outcome.is_replay)


class OrderPreview(OrderView):
    write_scope = Scope.READ

    @extend_schema(
        operation_id="orders_preview",
        summary="What an order would agree on; nothing is written",
        request=OrderBody,
        responses={200: PreviewResource},
    )
    def post(self, request: Request) -> Response:
        body = OrderBody.shared().run_validation(request.data)
        for name in ("activate", "preview_hash"):
            body.pop(name, None)
        preview = services.preview(partner_id=self.partner_id, new=new_order(body), now=self.now)
        return Response(shown(preview))


class OrderDetail(OrderView):
    @extend_schema(operation_id="orders_get", summary="One order with its parts")
    def get(self, request: Request, order_id: UUID) -> Response:
        return self.shown(self.order(order_id))

    @extend_schema(
        operation_id="orders_change", summary="Change the card, or auto_apply", request=OrderChanges
    )
    def patch(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        body = OrderChanges.shared().run_validation(request.data)
        new = services.NewTerms(
            payment_method=body["payment_method"] or "" if "payment_method" in body else None,
            auto_apply=body.get("auto_apply"),
        )
        return self.shown(
            services.change_order(
                order_id=order.id, new=new, reason=body["reason"], by=self.actor, now=self.now
            )
        )


class OrderInstallments(OrderView):
    serializer_class = InstallmentResource
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        operation_id="orders_installments",
        summary="An order's parts, as a plain array",
        responses={200: InstallmentResource(many=True)},
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        installments = self.order(order_id).installments.select_related("order", "charge")
        return Response([InstallmentResource.render(installment) for installment in installments])


class OrderRevisions(OrderView):
    serializer_class = RevisionResource
    filterset_class = CreatedFilterSet

    @extend_schema(
        operation_id="orders_revisions",
        summary="What was changed since the agreement, newest first",
        responses=RevisionResource(many=True),
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        return self.page(self.order(order_id).revisions.all())


class OrderActivate(OrderView):
    @extend_schema(operation_id="orders_activate", summary="Let the parts fall due", request=None)
    def post(self, request: Request, order_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        order = self.order(order_id)
        return self.shown(services.activate_order(order_id=order.id, by=self.actor, now=self.now))


class OrderPause(OrderView):
    @extend_schema(
        operation_id="orders_pause", summary="Collect nothing for now", request=ReasonBody
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        body = ReasonBody.shared().run_validation(request.data)
        return self.shown(
            services.pause_order(order_id=order.id, by=self.actor, now=self.now, **body)
        )


class OrderResume(OrderView):
    @extend_schema(
        operation_id="orders_resume",
        summary="Collect again, dates kept or shifted",
        request=ResumeBody,
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        body = ResumeBody.shared().run_validation(request.data)
        return self.shown(
            services.resume_order(
                order_id=order.id,
                is_shifted=body["dates"] == "shift",
                reason=body["reason"],
                by=self.actor,
                now=self.now,
            )
        )


class OrderCancel(OrderView):
    @extend_schema(operation_id="orders_cancel", summary="Collect nothing more", request=ReasonBody)
    def post(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        body = ReasonBody.shared().run_validation(request.data)
        return self.shown(
            services.cancel_order(order_id=order.id, by=self.actor, now=self.now, **body)
        )


class OrderPayOff(OrderView):
    @extend_schema(
        operation_id="orders_pay_off", summary="Pay all that is left, at once", request=None
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        order = self.order(order_id)
        return self.shown(services.pay_off(order_id=order.id, by=self.actor, now=self.now))


class OrderReinstate(OrderView):
    @extend_schema(
        operation_id="orders_reinstate",
        summary="Collect a defaulted order again, arrears paid",
        request=ReasonBody,
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        body = ReasonBody.shared().run_validation(request.data)
        return self.shown(
            services.reinstate_order(order_id=order.id, by=self.actor, now=self.now, **body)
        )


class OrderWriteOff(OrderView):
    @extend_schema(
        operation_id="orders_write_off",
        summary="Give up what is unpaid of a past-due order",
        request=WriteOffBody,
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        body = WriteOffBody.shared().run_validation(request.data)
        return self.shown(
            services.write_off_order(order_id=order.id, by=self.actor, now=self.now, **body)
        )
