"""What partners send about orders and installments."""

from __future__ import annotations

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from charges.bodies import PaymentMethodIdField, SplitInstructionsField, check_amount_or_percentage
from foundation.wire.serializers import (
    Body,
    CountField,
    FlagField,
    IdField,
    MetadataField,
    TextField,
)
from installments import schedule
from installments.schedule import DATE, Frequency, Remainder
from wallets.fields import AmountField, CurrencyField

MAX_COUNT = 60


MAX_INTERVAL = 52


MAX_GRACE_DAYS = 365


RULE_ONLY = [
    "frequency",
    "interval",
    "first_due_date",
    "down_payment",
    "remainder",
    "installment_amount",
]


class DueDateField(serializers.DateField):
    """A calendar date, YYYY-MM-DD and nothing else of ISO 8601."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not DATE.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        return super().to_internal_value(value)


@extend_schema_field({"type": "string", "example": "Europe/Berlin"})
class TimezoneField(TextField):
    """An IANA time zone name."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text not in schedule.zones():
            raise serializers.ValidationError(
                "An IANA time zone, like Europe/Berlin.", "unknown_timezone"
            )
        return text


class PartBody(Body):
    amount = AmountField()
    due_date = DueDateField()


class LateFeeBody(Body):
    """What an installment costs on top when it is unpaid `grace_days` after it became overdue."""

    amount = AmountField(required=False)
    percentage = AmountField(required=False)
    grace_days = CountField(min_value=0, max_value=MAX_GRACE_DAYS, default=0)
    cap = AmountField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        check_amount_or_percentage(attrs)
        return attrs


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
    due_hour = CountField(min_value=0, max_value=23, required=False)
    payment_method = PaymentMethodIdField(required=False, default="")
    split_instructions = SplitInstructionsField()
    late_fee = LateFeeBody(required=False)
    auto_apply = FlagField(default=False)
    description = TextField(max_length=500, required=False, default="", allow_blank=True)
    metadata = MetadataField()
    activate = FlagField(default=True)
    preview_hash = TextField(max_length=64, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("schedule" in attrs) == ("installment_count" in attrs):
            raise serializers.ValidationError(
                "Either installment_count or schedule.", "count_or_schedule"
            )
        if "schedule" in attrs and (mixed := [name for name in RULE_ONLY if name in attrs]):
            detail = serializers.ErrorDetail("Not together with schedule.", "count_or_schedule")
            raise serializers.ValidationError({name: [detail] for name in mixed})
        return attrs


class ReasonBody(Body):
    """Why it is done: kept with the revision."""

    reason = TextField(max_length=500, required=False, default="", allow_blank=True)


class WriteOffBody(Body):
    """Why it is given up: kept with the revision."""

    reason = TextField(max_length=500)


class ReopenBody(ReasonBody):
    """The local date that the installment is due on, today unless given."""

    due_date = DueDateField(required=False)


class ResumeBody(ReasonBody):
    """`keep`: dates stay, what is late is due at once; `shift`: as much later as it was paused."""

    dates = serializers.ChoiceField(choices=["keep", "shift"], required=False, default="keep")


class OrderChanges(ReasonBody):
    """What is not named stays. A `payment_method` of null is the customer's default card."""

    payment_method = PaymentMethodIdField(required=False, allow_null=True)
    auto_apply = FlagField(required=False)


class InstallmentChanges(ReasonBody):
    due_date = DueDateField()
