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
    Body,
    FlagField,
    IdField,
    InstantField,
    MetadataField,
    Resource,
    TextField,
)
from wallets import money
from wallets.fields import AmountField, CurrencyField, MoneyField, minor_units


class PaymentMethodIdField(TextField):
    """A payment method's id at Stripe, `pm_…`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=255, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if (
            not text.startswith("pm_")
            or not text.isascii()
            or not text[3:].replace("_", "").isalnum()
        ):
            raise serializers.ValidationError(
                "An id that starts with pm_.", "invalid_payment_method"
            )
        return text


class StripeCustomerField(TextField):
    """A customer's id at Stripe, `cus_…`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=255, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not text.startswith("cus_") or not text.isascii() or not text[4:].isalnum():
            raise serializers.ValidationError(
                "An id that starts with cus_.", "invalid_stripe_customer"
            )
        return text


class InstructionBody(Body):
    recipient = IdField()
    amount = AmountField(required=False)
    percentage = AmountField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_amount_or_percentage(attrs)
        return attrs


def check_amount_or_percentage(attrs: dict[str, Any]) -> None:
    """Raises ValidationError unless there is one of both, the percentage a sensible one."""
    if ("amount" in attrs) == ("percentage" in attrs):
        raise serializers.ValidationError("Either amount or percentage.", "amount_or_percentage")
    if "percentage" in attrs:
        try:
            splits.basis_points(attrs["percentage"])
        except splits.InvalidPercentage as error:
            detail = serializers.ErrorDetail(str(error), "invalid_percentage")
            raise serializers.ValidationError({"percentage": [detail]}) from error


class SplitInstructionsField(serializers.ListField):
    """At most 20 rules, each recipient once."""

    child = InstructionBody()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, default=list, max_length=splits.MAX_RECIPIENTS, **kwargs)

    def to_internal_value(self, data: Any) -> list[splits.Instruction]:
        rules: list[splits.Instruction] = super().to_internal_value(data)
        recipients = [rule["recipient"] for rule in rules]
        if len(set(recipients)) != len(recipients):
            raise serializers.ValidationError("Each recipient once.", "duplicate_recipient")
        return rules


def check_instruction_amounts(rules: list[splits.Instruction], currency: str) -> None:
    """Raises ValidationError on the fixed amounts that the currency cannot have."""
    for place, rule in enumerate(rules):
        if "amount" in rule:
            minor_units(rule["amount"], currency, f"split_instructions[{place}].amount")


class ChargeBody(Body):
    customer_id = IdField()
    amount = AmountField()
    currency = CurrencyField(default="USD")
    payment_method = PaymentMethodIdField(required=False, default="")
    use_wallet = FlagField(default=True)
    split_instructions = SplitInstructionsField()
    description = TextField(max_length=500, required=False, default="", allow_blank=True)
    metadata = MetadataField()


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


class RefundBody(Body):
    amount = AmountField(required=False, default=None)
    reason = TextField(max_length=500, required=False, default="", allow_blank=True)
    refund_to = serializers.ChoiceField(
        choices=RefundTo.choices, required=False, default=RefundTo.AUTO.value
    )


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
    def get_entries(self, told: Any) -> list[dict[str, Any]]:
        return [TimelineEntryResource.render(entry) for entry in told.entries]


class PaymentMethodBody(Body):
    """`stripe_customer` when the card is already on one, from before you came to us."""

    customer_id = IdField()
    payment_method = PaymentMethodIdField()
    stripe_customer = StripeCustomerField(required=False, default="")
    default = FlagField(default=True)


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


class SetupBody(Body):
    customer_id = IdField()
    default = FlagField(default=True)


class SetupResource(Resource):
    """A SetupIntent: give its client secret to Stripe.js on your page."""

    setup_intent = serializers.CharField(source="id")
    customer_id = serializers.CharField()
    client_secret = serializers.CharField()
    status = serializers.CharField()
