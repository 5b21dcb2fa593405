"""Charges and payment methods as partners see them, in the API and in events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from charges import splits
from charges.declines import Category
from charges.models import Charge, ChargeStatus, Origin, RefundStatus, RefundTo
from foundation.wire.serializers import (
    InstantField,
    Resource,
)
from wallets import money
from wallets.fields import MoneyField


class InstructionResource(Resource):
    recipient = serializers.CharField()
    amount = serializers.CharField(required=False)
    percentage = serializers.CharField(required=False)


class ShareResource(Resource):
    recipient = serializers.CharField()
    amount = serializers.CharField()


class FailureResource(Resource):
    code = serializers.CharField()
    decline_code = serializers.CharField(allow_null=True)
    advice_code = serializers.CharField(allow_null=True)
    category = serializers.ChoiceField(choices=[c.value for c in Category])
    message = serializers.CharField()
    will_retry = serializers.BooleanField()
    next_attempt_at = InstantField(allow_null=True)
    why_not = serializers.CharField(allow_null=True)


class NextActionResource(Resource):
    client_secret = serializers.CharField()
    expires_at = InstantField()


@extend_schema_field(InstructionResource(many=True))
class StoredField(serializers.ReadOnlyField):
    """JSON that goes out as it was stored."""


@extend_schema_field(ShareResource(many=True))
class SharesField(serializers.ReadOnlyField):
    """Shares with their amounts as money."""

    def get_attribute(self, instance: Any) -> list[dict[str, str]]:
        return shown_shares(instance.split_shares, instance.currency)


def shown_shares(shares: list[splits.Share], currency: str) -> list[dict[str, str]]:
    return [
        {"recipient": share["recipient"], "amount": money.to_decimal(share["amount"], currency)}
        for share in shares
    ]


@extend_schema_field(FailureResource(allow_null=True))
class FailureField(serializers.ReadOnlyField):
    """Why the charge failed, and what followed then."""

    def to_representation(self, value: Any) -> dict[str, Any]:
        return FailureResource.render(SimpleNamespace(**value))


@extend_schema_field(NextActionResource(allow_null=True))
class NextActionField(serializers.ReadOnlyField):
    """What the cardholder must do on the partner's page, until when."""

    def to_representation(self, value: Any) -> dict[str, Any]:
        return NextActionResource.render(SimpleNamespace(**value))


class ChargeResource(Resource):
    id = serializers.UUIDField()
    customer_id = serializers.CharField()
    amount = MoneyField()
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=ChargeStatus.choices)
    payment_method = serializers.ChoiceField(
        choices=["wallet", "external", "wallet+external"], allow_null=True
    )
    wallet_amount = MoneyField()
    external_amount = MoneyField()
    external_charge_id = serializers.CharField(allow_null=True)
    split_instructions = StoredField()
    split_shares = SharesField()
    late_fee = MoneyField()
    installment_id = serializers.UUIDField(allow_null=True)
    installment_order_id = serializers.UUIDField(allow_null=True)
    description = serializers.CharField()
    metadata = serializers.DictField()
    failure = FailureField()
    next_action = NextActionField()
    amount_refunded = MoneyField()
    refund_status = serializers.ChoiceField(choices=["none", "partial", "full"])
    dispute_status = serializers.SerializerMethodField()
    created_at = InstantField()
    updated_at = InstantField()
    succeeded_at = InstantField(allow_null=True)
    failed_at = InstantField(allow_null=True)

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_dispute_status(self, charge: Charge) -> str | None:
        return charge.dispute_status or None


class ReversalResource(Resource):
    """What a recipient gave back; `receivable` is what the wallet lacked of it."""

    recipient = serializers.CharField()
    amount = serializers.CharField()
    receivable = serializers.CharField()


@extend_schema_field(ReversalResource(many=True))
class ReversalsField(serializers.ReadOnlyField):
    """Reversals with their amounts as money; none of a refund that failed, they were undone."""

    def get_attribute(self, instance: Any) -> list[dict[str, str]]:
        return [
            {
                "recipient": reversal["recipient"],
                "amount": money.to_decimal(reversal["amount"], instance.currency),
                "receivable": money.to_decimal(reversal["receivable"], instance.currency),
            }
            for reversal in (instance.split_reversals if instance.failed_at is None else [])
        ]


class RefundFailureResource(Resource):
    code = serializers.CharField()
    message = serializers.CharField()


@extend_schema_field(RefundFailureResource(allow_null=True))
class RefundFailureField(serializers.ReadOnlyField):
    """Why the refund failed."""


class RefundResource(Resource):
    id = serializers.UUIDField()
    charge_id = serializers.UUIDField()
    amount = MoneyField()
    currency = serializers.CharField()
    status = serializers.ChoiceField(choices=RefundStatus.choices)
    refund_to = serializers.ChoiceField(choices=RefundTo.choices)
    origin = serializers.ChoiceField(choices=Origin.choices)
    external_amount = MoneyField()
    wallet_amount = MoneyField()
    external_refund_id = serializers.CharField(allow_null=True)
    split_reversals = ReversalsField()
    reason = serializers.CharField()
    failure = RefundFailureField()
    created_at = InstantField()
    updated_at = InstantField()
    succeeded_at = InstantField(allow_null=True)
    failed_at = InstantField(allow_null=True)


class TimelineEntryResource(Resource):
    at = InstantField()
    type = serializers.CharField()
    text = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # shadows Serializer.data, unused here


class TimelineResource(Resource):
    charge_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ChargeStatus.choices)
    entries = serializers.SerializerMethodField()

    @extend_schema_field(TimelineEntryResource(many=True))
    def get_entries(self, story: Any) -> list[dict[str, Any]]:
        return [TimelineEntryResource.render(entry) for entry in story.entries]


class PaymentMethodResource(Resource):
    id = serializers.UUIDField()
    customer_id = serializers.CharField()
    payment_method = serializers.CharField(source="external_id")
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField()
    exp_year = serializers.IntegerField()
    default = serializers.BooleanField(source="is_default")
    created_at = InstantField()


class SetupResource(Resource):
    """A SetupIntent: give its client secret to Stripe.js on your page."""

    setup_intent = serializers.CharField(source="id")
    customer_id = serializers.CharField()
    client_secret = serializers.CharField()
    status = serializers.CharField()
