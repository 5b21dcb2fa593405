"""What partners send about charges, refunds and cards."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from charges import splits
from charges.models import RefundTo
from foundation.wire.serializers import (
    Body,
    FlagField,
    IdField,
    MetadataField,
    TextField,
)
from wallets.fields import AmountField, CurrencyField, minor_units


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


class RefundBody(Body):
    amount = AmountField(required=False, default=None)
    reason = TextField(max_length=500, required=False, default="", allow_blank=True)
    refund_to = serializers.ChoiceField(
        choices=RefundTo.choices, required=False, default=RefundTo.AUTO.value
    )


class PaymentMethodBody(Body):
    """`stripe_customer` when the card is already on one, from before you came to us."""

    customer_id = IdField()
    payment_method = PaymentMethodIdField()
    stripe_customer = StripeCustomerField(required=False, default="")
    default = FlagField(default=True)


class SetupBody(Body):
    customer_id = IdField()
    default = FlagField(default=True)
