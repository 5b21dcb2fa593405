"""List filters: declared ones only, so that a misspelt filter is never taken for no filter."""

from __future__ import annotations

from typing import Any

from django_filters.rest_framework import (
    DjangoFilterBackend,
    FilterSet,
    IsoDateTimeFilter,
    TypedChoiceFilter,
)
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

PAGING = {"cursor", "limit"}


class CreatedFilterSet(FilterSet):
    """`created_gte` and `created_lt`, ISO 8601."""

    created_gte = IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_lt = IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")


class FlagFilter(TypedChoiceFilter):
    """`true` or `false`; anything else is refused instead of ignored."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda text: text == "true", **kwargs)


class StrictFilterBackend(DjangoFilterBackend):
    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        filterset_class = getattr(view, "filterset_class", None)
        known = PAGING | set(filterset_class.base_filters if filterset_class else ())
        if unknown := set(request.query_params) - known:
            names = ", ".join(sorted(known))
            message = f"This filter is not known here. Known are {names}."
            raise ValidationError(
                {name: [ErrorDetail(message, "unknown_filter")] for name in unknown}
            )
        for name, values in request.query_params.lists():
            if len(values) > 1 or not values[0]:
                message = "Give a filter once, with a value."
                raise ValidationError({name: [ErrorDetail(message, "invalid_filter")]})
        return super().filter_queryset(request, queryset, view)
