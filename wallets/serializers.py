"""Wallets and ledger entries as partners see them."""

from __future__ import annotations

from rest_framework import serializers

from foundation.wire.serializers import Body, FlagField, IdField, InstantField, Resource, TextField
from wallets.fields import AmountField, CurrencyField, MoneyField
from wallets.models import Kind


class WalletBody(Body):
    customer_id = IdField()
    currency = CurrencyField(default="USD")


class WalletChanges(Body):
    is_active = FlagField()


class MovementBody(Body):
    amount = AmountField()
    description = TextField(max_length=500, required=False, default="", allow_blank=True)
    reference = TextField(max_length=255, required=False, default=None, allow_null=True)


class WalletResource(Resource):
    id = serializers.UUIDField()
    customer_id = serializers.CharField()
    currency = serializers.CharField()
    balance = MoneyField()
    held = MoneyField()
    available = MoneyField()
    receivable = MoneyField()
    is_active = serializers.BooleanField()
    created_at = InstantField()
    updated_at = InstantField()


class EntryResource(Resource):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=Kind.choices, source="transaction.kind")
    transaction_type = serializers.ChoiceField(choices=["credit", "debit"])
    amount = MoneyField(source="size")
    balance_before = MoneyField()
    balance_after = MoneyField()
    description = serializers.CharField(source="transaction.description")
    reference = serializers.CharField(source="transaction.reference", allow_null=True)
    charge_id = serializers.UUIDField(source="transaction.charge_id", allow_null=True)
    refund_id = serializers.UUIDField(source="transaction.refund_id", allow_null=True)
    created_at = InstantField(source="transaction.created_at")
