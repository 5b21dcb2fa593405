"""What narrows a list."""

from __future__ import annotations

from datetime import datetime, time
from typing import TypeVar

from django.contrib import messages
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesCheckboxFilter,
    DropdownFilter,
    RangeDateFilter,
)
from unfold.utils import parse_date_str

M = TypeVar("M", bound=models.Model)


class PeriodFilter(RangeDateFilter):
    """Whole days, the last one included, in the current time zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        for edge, lookup, moment in (("from", "gte", time.min), ("to", "lte", time.max)):
            text = (self.used_parameters.get(f"{self.field_path}_{edge}") or "").strip()
            day = parse_date_str(text)
            if day is None and text:
                messages.error(request, f"{text} is not a date like 2026-12-31: nothing matches.")
                return queryset.none()
            if day is not None:
                limit = datetime.combine(day, moment, timezone.get_current_timezone())
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": limit})
        return queryset


BY_PARTNER = ("partner", AutocompleteSelectFilter)
BY_STATUS = ("status", ChoicesCheckboxFilter)
BY_PERIOD = ("created_at", PeriodFilter)


class CaseFilter(DropdownFilter):
    """Rows of one case at a time: `cases` says which rows each name stands for."""

    def cases(self) -> dict[str, Q]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, name) for name in self.cases()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        return queryset.filter(self.cases().get(self.value(), Q()))
