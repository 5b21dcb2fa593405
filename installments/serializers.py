"""Orders and installments as partners see them, in the API and in events."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from charges.serializers import (
    FailureField,
    ShareResource,
    StoredField,
)
from foundation.wire.serializers import (
    InstantField,
    Resource,
)
from installments.models import Change, InstallmentStatus, OrderStatus
from installments.schedule import Frequency, Remainder
from wallets import money
from wallets.fields import MoneyField


class InstallmentResource(Resource):
    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    installment_number = serializers.IntegerField()
    amount = MoneyField()
    late_fee = MoneyField()
    due_date = serializers.DateField()
    status = serializers.ChoiceField(choices=InstallmentStatus.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = InstantField(allow_null=True)
    failure = FailureField()
    charge_id = serializers.UUIDField(allow_null=True)
    paid_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()


class RetryPolicyResource(Resource):
    """Days after the due date of the tries, and until an installment is overdue; days from the last
    failed try until the order is defaulted.
    """

    name = serializers.CharField()
    offsets = serializers.ListField(child=serializers.IntegerField())
    grace_days = serializers.IntegerField()
    default_after_days = serializers.IntegerField()


@extend_schema_field(RetryPolicyResource())
class RetryPolicyField(serializers.ReadOnlyField):
    """As it was copied onto the order."""


class LateFeeResource(Resource):
    amount = serializers.CharField(allow_null=True)
    percentage = serializers.CharField(allow_null=True)
    grace_days = serializers.IntegerField()
    cap = serializers.CharField(allow_null=True)


@extend_schema_field(LateFeeResource(allow_null=True))
class LateFeeField(serializers.ReadOnlyField):
    """The terms as they were agreed on; null for none."""


class OrderResource(Resource):
    id = serializers.UUIDField()
    customer_id = serializers.CharField()
    amount = MoneyField()
    currency = serializers.CharField()
    installment_count = serializers.IntegerField()
    installment_amount = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=OrderStatus.choices)
    past_due = serializers.BooleanField()
    amount_paid = MoneyField()
    amount_remaining = MoneyField()
    amount_written_off = MoneyField()
    frequency = serializers.SerializerMethodField()
    interval = serializers.IntegerField(allow_null=True)
    timezone = serializers.CharField()
    due_hour = serializers.IntegerField()
    remainder = serializers.SerializerMethodField()
    retry_policy = RetryPolicyField()
    late_fee = LateFeeField()
    late_fees = serializers.SerializerMethodField()
    payment_method = serializers.SerializerMethodField()
    refused_payment_methods = serializers.ListField(
        child=serializers.CharField(), source="refused_cards"
    )
    split_instructions = StoredField()
    description = serializers.CharField()
    metadata = serializers.DictField()
    auto_apply = serializers.BooleanField()
    installments = serializers.SerializerMethodField()
    created_at = InstantField()
    updated_at = InstantField()
    activated_at = InstantField(allow_null=True)
    paused_at = InstantField(allow_null=True)
    pause_reason = serializers.ChoiceField(choices=["requested", "disputed"], allow_null=True)
    completed_at = InstantField(allow_null=True)
    written_off_at = InstantField(allow_null=True)

    def get_installment_amount(self, order: Any) -> str:
        return money.to_decimal(order.installments.all()[0].amount, order.currency)

    @extend_schema_field(serializers.CharField(help_text="Of all parts, paid or owed."))
    def get_late_fees(self, order: Any) -> str:
        return money.to_decimal(
            sum(installment.late_fee for installment in order.installments.all()), order.currency
        )

    @extend_schema_field(
        serializers.ChoiceField(choices=[f.value for f in Frequency], allow_null=True)
    )
    def get_frequency(self, order: Any) -> str | None:
        return order.frequency or None

    @extend_schema_field(
        serializers.ChoiceField(choices=[r.value for r in Remainder], allow_null=True)
    )
    def get_remainder(self, order: Any) -> str | None:
        return order.remainder or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_payment_method(self, order: Any) -> str | None:
        return order.card or None

    @extend_schema_field(InstallmentResource(many=True))
    def get_installments(self, order: Any) -> list[dict[str, Any]]:
        return [InstallmentResource.render(installment) for installment in order.installments.all()]


class RevisionResource(Resource):
    """One change of an order; `before` and `after` name what differs, as the order shows it."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    number = serializers.IntegerField()
    change = serializers.ChoiceField(choices=Change.choices)
    before = serializers.DictField()
    after = serializers.DictField()
    reason = serializers.CharField()
    created_at = InstantField()


class PreviewPart(Resource):
    """`shortfall` is what neither the wallet nor a card would pay today."""

    installment_number = serializers.IntegerField()
    amount = serializers.CharField()
    due_date = serializers.DateField()
    due_at = InstantField()
    split_shares = ShareResource(many=True)
    wallet_amount = serializers.CharField()
    external_amount = serializers.CharField()
    shortfall = serializers.CharField()


class PreviewRetries(Resource):
    installment_number = serializers.IntegerField()
    dates = serializers.ListField(child=serializers.DateField())


class PreviewFunding(Resource):
    wallet_available = serializers.CharField()
    wallet_amount = serializers.CharField()
    external_amount = serializers.CharField()
    shortfall = serializers.CharField()


class PreviewResource(Resource):
    installments = PreviewPart(many=True)
    split_shares = ShareResource(many=True)
    retry_dates = PreviewRetries(many=True)
    funding = PreviewFunding()
    preview_hash = serializers.CharField()
