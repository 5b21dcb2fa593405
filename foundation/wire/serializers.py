"""Ground rules of words on the wire, for every app's serializers.

Serializers hold no state between calls, so each is built once (`shared()`) and used for every
request and event: building one costs ten times as much as using it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from functools import cache, cached_property
from operator import attrgetter
from typing import Any, Self

from rest_framework import serializers

ID = re.compile(r"[A-Za-z0-9._:@+-]+")
MAX_METADATA_KEYS = 50
# C0 and C1 controls but tab and newline, and the bidirectional overrides (Trojan Source).
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class NumberText(str):
    """A JSON number with a fraction or exponent, as it was written."""

    __slots__ = ()


class SharedSerializer(serializers.Serializer[Any]):
    @classmethod
    @cache
    def shared(cls) -> Self:
        """The one instance, for `run_validation` and `to_representation`."""
        return cls()


class Body(SharedSerializer):
    """A request body: unknown fields are refused, so that a misspelt one is never dropped."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            message = "This field is not known here."
            errors = {name: serializers.ErrorDetail(message, "unknown_field") for name in unknown}
            raise serializers.ValidationError({name: [e] for name, e in errors.items()})
        return dict(super().to_internal_value(data))


class NoBody(Body):
    """An action that takes no words: whatever is sent is unknown."""


class Resource(SharedSerializer):
    """A resource as partners see it, in answers and in events."""

    @classmethod
    def render(cls, instance: Any) -> dict[str, Any]:
        return cls.shared().to_representation(instance)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """As DRF's, without its questions about forms and foreign keys: a third of the time."""
        return {
            name: None if (value := read(instance)) is None else represent(value)
            for name, read, represent in self._columns
        }

    @cached_property
    def _columns(self) -> list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]]:
        return [(name, _reader(f), f.to_representation) for name, f in self.fields.items()]


def _reader(field: serializers.Field[Any, Any, Any, Any]) -> Callable[[Any], Any]:
    has_own_way = type(field).get_attribute is not serializers.Field.get_attribute
    if has_own_way or not field.source_attrs:
        return field.get_attribute
    return attrgetter(".".join(field.source_attrs))


class InstantField(serializers.DateTimeField):
    """A moment, in UTC."""

    def to_representation(self, value: datetime) -> str:
        return value.isoformat().replace("+00:00", "Z")


class TextField(serializers.CharField):
    """Text as sent: a JSON string without control or direction characters."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or isinstance(data, NumberText):
            self.fail("invalid")
        text = str(super().to_internal_value(data))
        if CONTROL.search(text):
            raise serializers.ValidationError(
                "Control characters are refused.", "control_character"
            )
        return text


class IdField(TextField):
    """A partner's own id: 1 to 64 letters, digits and `. _ : @ + -`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not ID.fullmatch(text):
            raise serializers.ValidationError(
                "Only letters, digits and . _ : @ + - are allowed.", "invalid_id"
            )
        return text


class FlagField(serializers.BooleanField):
    """A JSON true or false, nothing that resembles one."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class CountField(serializers.IntegerField):
    """A JSON integer."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class MetadataField(serializers.JSONField):
    """The partner's own facts: a JSON object of at most 50 keys, stored and returned as sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, default=dict, **kwargs)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict) or len(data) > MAX_METADATA_KEYS:
            raise serializers.ValidationError(
                f"A JSON object of at most {MAX_METADATA_KEYS} keys.", "invalid"
            )
        plain: dict[str, Any] = _plain(data)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, NumberText):
        if not math.isfinite(number := float(value)):
            raise serializers.ValidationError("A number that is too large.", "invalid")
        return number
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value
