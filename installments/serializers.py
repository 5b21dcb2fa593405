"""Orders and installments as partners see them, in the API and in events."""

from __future__ import annotations

import zoneinfo
from datetime import date
from functools import cache
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from charges.serializers import (
    PaymentMethodIdField,
    ShareResource,
    SplitInstructionsField,
    StoredField,
)
from installments.models import InstallmentStatus, OrderStatus
from installments.schedule import DATE, Frequency, Remainder
from partners.serializers import (
    Body,
    CountField,
    FlagField,
    IdField,
    InstantField,
    MetadataField,
    Resource,
    TextField,
)
from wallets import money
from wallets.fields import AmountField, CurrencyField, MoneyField

MAX_COUNT = 60
MAX_INTERVAL = 52
RULE_ONLY = [
    "frequency", "interval", "first_due_date", "down_payment", "remainder", "installment_amount",
]  # fmt: skip


class DueDateField(serializers.DateField):
    """A calendar date, YYYY-MM-DD and nothing else of ISO 8601."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not DATE.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


@cache
def zones() -> set[str]:
    return zoneinfo.available_timezones()


@extend_schema_field({"type": "string", "example": "Europe/Berlin"})
class TimezoneField(TextField):
    """An IANA time zone name."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text not in zones():
            raise serializers.ValidationError(
                "An IANA time zone, like Europe/Berlin.", "unknown_timezone"
            )
        return text


class PartBody(Body):
    amount = AmountField()
    due_date = DueDateField()


class OrderBody(Body):
    """Either a rule (`installment_count` and what belongs to it) or a `schedule`."""

    customer_id = IdField()
    amount = AmountField()
    currency = CurrencyField(default="USD")
    installment_count = CountField(min_value=1, max_value=MAX_COUNT, required=False)
    frequency = serializers.ChoiceField(choices=[f.value for f in Frequency], required=False)
    interval = CountField(min_value=1, max_value=MAX_INTERVAL, required=False)
    first_due_date = DueDateField(required=False)
    down_payment = AmountField(required=False)
    remainder = serializers.ChoiceField(choices=[r.value for r in Remainder], required=False)
    installment_amount = AmountField(required=False)
    schedule = serializers.ListField(
        child=PartBody(), min_length=1, max_length=MAX_COUNT, required=False
    )
    timezone = TimezoneField(default="UTC", max_length=64)
    payment_method = PaymentMethodIdField(required=False, default="")
    split_instructions = SplitInstructionsField()
    description = TextField(max_length=500, required=False, default="", allow_blank=True)
    metadata = MetadataField()
    activate = FlagField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("schedule" in attrs) == ("installment_count" in attrs):
            raise serializers.ValidationError(
                "Either installment_count or schedule.", "count_or_schedule"
            )
        if "schedule" in attrs and (mixed := [name for name in RULE_ONLY if name in attrs]):
            detail = serializers.ErrorDetail("Not together with schedule.", "count_or_schedule")
            raise serializers.ValidationError({name: [detail] for name in mixed})
        return attrs


class InstallmentResource(Resource):
    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    installment_number = serializers.IntegerField()
    amount = MoneyField()
    due_date = serializers.DateField()
    status = serializers.ChoiceField(choices=InstallmentStatus.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = InstantField(allow_null=True)
    charge_id = serializers.UUIDField(allow_null=True)
    paid_at = InstantField(allow_null=True)
    created_at = InstantField()
    updated_at = InstantField()


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
    frequency = serializers.SerializerMethodField()
    interval = serializers.IntegerField(allow_null=True)
    timezone = serializers.CharField()
    remainder = serializers.SerializerMethodField()
    payment_method = serializers.SerializerMethodField()
    split_instructions = StoredField()
    description = serializers.CharField()
    metadata = serializers.DictField()
    auto_apply = serializers.BooleanField()
    installments = serializers.SerializerMethodField()
    created_at = InstantField()
    updated_at = InstantField()
    activated_at = InstantField(allow_null=True)
    completed_at = InstantField(allow_null=True)

    def get_installment_amount(self, order: Any) -> str:
        return money.text(order.installments.all()[0].amount, order.currency)

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
        return [InstallmentResource.render(part) for part in order.installments.all()]


class PreviewPart(Resource):
    installment_number = serializers.IntegerField()
    amount = serializers.CharField()
    due_date = serializers.DateField()
    split_shares = ShareResource(many=True)


class PreviewRetries(Resource):
    installment_number = serializers.IntegerField()
    dates = serializers.ListField(child=serializers.DateField())


class PreviewFunding(Resource):
    wallet_available = serializers.CharField()
    wallet_amount = serializers.CharField()
    external_amount = serializers.CharField()


class PreviewResource(Resource):
    installments = PreviewPart(many=True)
    split_shares = ShareResource(many=True)
    retry_dates = PreviewRetries(many=True)
    funding = PreviewFunding()
    preview_hash = serializers.CharField()
