from __future__ import annotations

from collections.abc import Callable

from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from foundation.wire.filters import CreatedFilterSet, FlagFilter
from foundation.wire.schema import IDEMPOTENCY_KEY
from foundation.wire.serializers import Resource
from partners.api import PartnerView, created, fingerprint, idempotency_key
from partners.models import Scope
from wallets import services
from wallets.fields import minor_units
from wallets.models import Kind, LedgerEntry, Wallet
from wallets.serializers import (
    EntryResource,
    MovementBody,
    WalletBody,
    WalletChanges,
    WalletResource,
)


class WalletFilters(CreatedFilterSet):
    customer_id = filters.CharFilter()
    currency = filters.CharFilter()
    is_active = FlagFilter()


class LedgerFilters(filters.FilterSet):
    kind = filters.ChoiceFilter(choices=Kind.choices, field_name="transaction__kind")
    created_gte = filters.IsoDateTimeFilter(field_name="transaction__created_at", lookup_expr="gte")
    created_lt = filters.IsoDateTimeFilter(field_name="transaction__created_at", lookup_expr="lt")


class WalletView(PartnerView):
    write_scope = Scope.WALLETS
    serializer_class: type[Resource] = WalletResource

    def wallet(self, customer_id: str) -> Wallet:
        return get_object_or_404(Wallet.objects.owned_by(self.partner_id), customer_id=customer_id)


class Wallets(WalletView):
    queryset = Wallet.objects.none()
    filterset_class = WalletFilters

    @extend_schema(
        operation_id="wallets_list",
        summary="Wallets, newest first",
        responses=WalletResource(many=True),
    )
    def get(self, request: Request) -> Response:
        return self.page(Wallet.objects.owned_by(self.partner_id))

    @extend_schema(
        operation_id="wallets_create",
        summary="Open a customer's wallet",
        request=WalletBody,
        responses={201: WalletResource},
    )
    def post(self, request: Request) -> Response:
        body = WalletBody.shared().run_validation(request.data)
        wallet = services.create_wallet(partner_id=self.partner_id, now=self.now, **body)
        return Response(WalletResource.render(wallet), status=201)


class WalletDetail(WalletView):
    @extend_schema(operation_id="wallets_get", summary="One wallet")
    def get(self, request: Request, customer_id: str) -> Response:
        return Response(WalletResource.render(self.wallet(customer_id)))

    @extend_schema(
        operation_id="wallets_update", summary="Freeze or thaw a wallet", request=WalletChanges
    )
    def patch(self, request: Request, customer_id: str) -> Response:
        wallet = self.wallet(customer_id)
        body = WalletChanges.shared().run_validation(request.data)
        return Response(
            WalletResource.render(services.set_active(wallet=wallet, now=self.now, **body))
        )


class WalletLedger(WalletView):
    queryset = LedgerEntry.objects.none()
    serializer_class = EntryResource
    filterset_class = LedgerFilters

    @extend_schema(
        operation_id="wallets_ledger",
        summary="A wallet's ledger, newest first",
        responses=EntryResource(many=True),
    )
    def get(self, request: Request, customer_id: str) -> Response:
        entries = LedgerEntry.objects.filter(wallet=self.wallet(customer_id))
        return self.page(entries.select_related("transaction"))


class MovementView(WalletView):
    """A credit or debit: `door` is the service that does it."""

    serializer_class = EntryResource
    door: Callable[..., services.Moved]

    def move(self, request: Request, customer_id: str) -> Response:
        key = idempotency_key(request)
        body = MovementBody.shared().run_validation(request.data)
        wallet = self.wallet(customer_id)
        movement = services.Movement(
            customer_id=customer_id,
            amount=minor_units(body.pop("amount"), wallet.currency),
            idempotency_key=key,
            fingerprint=fingerprint(request, customer_id),
            **body,
        )
        moved = type(self).door(
            partner_id=self.partner_id, movement=movement, by=self.actor, now=self.now
        )
        return created(EntryResource.render(moved.entry), is_replay=moved.is_replay)


class WalletCredit(MovementView):
    door = staticmethod(services.credit)

    @extend_schema(
        operation_id="wallets_credit",
        summary="Put money into a wallet",
        parameters=[IDEMPOTENCY_KEY],
        request=MovementBody,
        responses={201: EntryResource},
    )
    def post(self, request: Request, customer_id: str) -> Response:
        return self.move(request, customer_id)


class WalletDebit(MovementView):
    door = staticmethod(services.debit)

    @extend_schema(
        operation_id="wallets_debit",
        summary="Take money out of a wallet",
        parameters=[IDEMPOTENCY_KEY],
        request=MovementBody,
        responses={201: EntryResource},
    )
    def post(self, request: Request, customer_id: str) -> Response:
        return self.move(request, customer_id)
