"""The edge where money text becomes minor units, and back. Nowhere else."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from wallets import money


@extend_schema_field({"type": "string", "pattern": "^[A-Z]{3}$", "example": "USD"})
class CurrencyField(serializers.CharField):
    """An upper-case ISO 4217 code."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in money.currencies():
            raise serializers.ValidationError(
                "An upper-case ISO 4217 currency code.", "unknown_currency"
            )
        return str(data)


@extend_schema_field(
    {
        "oneOf": [{"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}, {"type": "number"}],
        "example": "19.99",
    }
)
class AmountField(serializers.Field[Any, Any, Any, Any]):
    """The text of an amount, to be read by `minor_units` once its currency is known."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, int) and not isinstance(data, bool):
            return str(data)
        if not isinstance(data, str):
            raise serializers.ValidationError(
                "A decimal string or number in plain notation.", "invalid_amount"
            )
        return str(data)


def minor_units(text: str, currency: str, field: str = "amount") -> int:
    """Minor units of a validated body's amount; raises ValidationError on that field."""
    try:
        return money.parse(text, currency)
    except money.AmountPrecision as error:
        detail = serializers.ErrorDetail(str(error), "amount_precision")
    except money.InvalidAmount as error:
        detail = serializers.ErrorDetail(str(error), "invalid_amount")
    raise serializers.ValidationError({field: [detail]})


@extend_schema_field({"type": "string", "example": "19.99"})
class MoneyField(serializers.Field[Any, Any, Any, Any]):
    """Minor units on the way out, as the currency's decimal string.

    The instance says its currency: `instance.currency`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, **kwargs)

    def get_attribute(self, instance: Any) -> str | None:
        minor = super().get_attribute(instance)
        return None if minor is None else money.to_decimal(minor, instance.currency)

    def to_representation(self, value: str) -> str:
        return value
