from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from charges.serializers import check_instruction_amounts, shown_shares
from installments import planning, retries, schedule, services
from installments.models import Installment, InstallmentOrder, OrderStatus
from installments.schedule import Frequency, Part, Remainder
from installments.serializers import (
    InstallmentResource,
    OrderBody,
    OrderResource,
    PreviewResource,
)
from partners.api import PartnerView, created, fingerprint, idempotency_key
from partners.filters import CreatedFilterSet, FlagFilter
from partners.models import Scope
from partners.schema import IDEMPOTENCY_KEY
from partners.serializers import NoBody, Resource
from wallets import money
from wallets.fields import minor_units


def new_order(data: Any) -> tuple[planning.NewOrder, bool]:
    """The order as asked for, and whether to activate it. Raises ValidationError."""
    body = OrderBody.shared().run_validation(data)
    currency, activate = body["currency"], body.pop("activate")
    body["amount"] = minor_units(body["amount"], currency)
    check_instruction_amounts(body["split_instructions"], currency)
    parts = body.pop("schedule", None)
    rule = _rule(body, currency)
    plan = rule if parts is None else _parts(parts, currency)
    return planning.NewOrder(plan=plan, **body), activate


def _rule(body: dict[str, Any], currency: str) -> planning.Rule:
    """Takes the words of the rule out of the body."""
    down_payment = body.pop("down_payment", None)
    asked = body.pop("installment_amount", None)
    return planning.Rule(
        count=body.pop("installment_count", 0),
        frequency=Frequency(body.pop("frequency", Frequency.MONTHLY)),
        interval=body.pop("interval", 1),
        first_due_date=body.pop("first_due_date", None),
        down_payment=minor_units(down_payment, currency, "down_payment")
        if down_payment is not None
        else 0,
        remainder=Remainder(body.pop("remainder", Remainder.SPREAD)),
        installment_amount=minor_units(asked, currency, "installment_amount")
        if asked is not None
        else None,
    )


def _parts(parts: list[dict[str, Any]], currency: str) -> list[Part]:
    return [
        Part(minor_units(part["amount"], currency, f"schedule[{place}].amount"), part["due_date"])
        for place, part in enumerate(parts)
    ]


class OrderFilters(CreatedFilterSet):
    customer_id = filters.CharFilter()
    status = filters.ChoiceFilter(choices=OrderStatus.choices)
    past_due = FlagFilter()


class OrderView(PartnerView):
    queryset = InstallmentOrder.objects.none()
    serializer_class: type[Resource] = OrderResource
    write_scope = Scope.INSTALLMENTS

    def rows(self) -> QuerySet[InstallmentOrder]:
        orders = InstallmentOrder.objects.owned_by(self.partner_id)
        return orders.prefetch_related("installments")

    def order(self, order_id: UUID) -> InstallmentOrder:
        return get_object_or_404(self.rows(), id=order_id)


class Orders(OrderView):
    filterset_class = OrderFilters

    @extend_schema(
        operation_id="orders_list",
        summary="Installment orders, newest first",
        responses=OrderResource(many=True),
    )
    def get(self, request: Request) -> Response:
        return self.page(self.rows())

    @extend_schema(
        operation_id="orders_create",
        summary="Agree on an amount in parts",
        parameters=[IDEMPOTENCY_KEY],
        request=OrderBody,
        responses={201: OrderResource},
    )
    def post(self, request: Request) -> Response:
        key = idempotency_key(request)
        new, activate = new_order(request.data)
        made = services.create_order(
            partner_id=self.partner_id,
            new=new,
            idempotency_key=key,
            fingerprint=fingerprint(request),
            activate=activate,
            by=self.actor,
            now=self.now,
        )
        return created(OrderResource.render(made.order), is_replay=made.is_replay)


class OrderPreview(OrderView):
    write_scope = Scope.READ

    @extend_schema(
        operation_id="orders_preview",
        summary="What an order would agree on; nothing is written",
        request=OrderBody,
        responses={200: PreviewResource},
    )
    def post(self, request: Request) -> Response:
        new, _ = new_order(request.data)
        plan, funding = services.preview(partner_id=self.partner_id, new=new, now=self.now)
        return Response(_shown(plan, funding, new.currency))


def _shown(plan: planning.Plan, funding: services.Funding, currency: str) -> dict[str, Any]:
    numbered = list(enumerate(zip(plan.parts, plan.part_shares, strict=True), 1))
    return {
        "installments": [
            {
                "installment_number": number,
                "amount": money.text(part.amount, currency),
                "due_date": part.due_date.isoformat(),
                "split_shares": shown_shares(shares, currency),
            }
            for number, (part, shares) in numbered
        ],
        "split_shares": shown_shares(plan.shares, currency),
        "retry_dates": [
            {
                "installment_number": number,
                "dates": [
                    d.isoformat() for d in retries.retry_dates(retries.STANDARD, part.due_date)
                ],
            }
            for number, (part, _) in numbered
        ],
        "funding": {
            "wallet_available": money.text(funding.available, currency),
            "wallet_amount": money.text(funding.wallet, currency),
            "external_amount": money.text(funding.card, currency),
        },
        "preview_hash": plan.hash,
    }


class OrderDetail(OrderView):
    @extend_schema(operation_id="orders_get", summary="One order with its parts")
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response(OrderResource.render(self.order(order_id)))


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
        parts = self.order(order_id).installments.select_related("order")
        return Response([InstallmentResource.render(part) for part in parts])


class OrderActivate(OrderView):
    @extend_schema(operation_id="orders_activate", summary="Let the parts fall due", request=None)
    def post(self, request: Request, order_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        order = services.activate_order(
            order_id=self.order(order_id).id, by=self.actor, now=self.now
        )
        return Response(OrderResource.render(order))


class OrderCancel(OrderView):
    @extend_schema(operation_id="orders_cancel", summary="Collect nothing more", request=None)
    def post(self, request: Request, order_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        order = services.cancel_order(order_id=self.order(order_id).id, by=self.actor, now=self.now)
        return Response(OrderResource.render(order))


AS_OF = OpenApiParameter("as_of", str, description="A time, or a date: then its end (UTC).")


class AsOfFilter(filters.FilterSet):
    as_of = filters.CharFilter(method="due_at")

    def due_at(self, queryset: Any, name: str, value: str) -> Any:
        return queryset


class DueInstallments(PartnerView):
    queryset = Installment.objects.none()
    serializer_class = InstallmentResource
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
            at = schedule.read_as_of(text) if text else self.now
        except (ValueError, OverflowError) as error:
            detail = serializers.ErrorDetail(str(error), "invalid")
            raise serializers.ValidationError({"as_of": [detail]}) from error
        rows = Installment.objects.owned_by(self.partner_id).select_related("order")
        return self.page(rows.due(at))


class InstallmentProcess(PartnerView):
    serializer_class = InstallmentResource
    write_scope = Scope.INSTALLMENTS

    @extend_schema(operation_id="installments_process", summary="Pay this part now", request=None)
    def post(self, request: Request, installment_id: UUID) -> Response:
        NoBody.shared().run_validation(request.data)
        rows = Installment.objects.owned_by(self.partner_id)
        installment = services.process_installment(
            installment_id=get_object_or_404(rows, id=installment_id).id,
            by=self.actor,
            now=self.now,
        )
        return Response(InstallmentResource.render(installment))
