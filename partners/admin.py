"""Staff pages of partners and API keys, and what the staff pages of every app are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import Count, F, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesCheckboxFilter,
    DropdownFilter,
    RangeDateFilter,
)
from unfold.datasets import BaseDataset
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.utils import display_for_label, parse_date_str
from unfold.widgets import UnfoldAdminCheckboxSelectMultiple

from partners import access, services
from partners.models import ALL_SCOPES, ApiKey, Partner, Scope

COUNTED = 10_000
ID_OF_PROCESSOR = ("pi_", "pm_", "cus_")
SUCCESS, INFO, WARNING, DANGER = "success", "info", "warning", "danger"

Row = Any
"""A row of whichever model the page lists."""
Column = Callable[[Row], Any]
M = TypeVar("M", bound=models.Model)


def column(name: str, show: Column, *, ordering: str | None = None) -> Column:
    """What `show` makes of a row, as a column of a list and as a line of a detail page."""

    @admin.display(description=name, ordering=ordering)
    def shown(row: Row) -> Any:
        return show(row)

    shown.__name__ = name.replace(" ", "_")
    return shown


def badge(value: str, colours: dict[str, str]) -> SafeString:
    """The state in its colour; grey when it has none."""
    label: SafeString = display_for_label((value, value.replace("_", " ")), "-", colours)
    return label


def state(colours: dict[str, str], field: str = "status") -> Column:
    return column(field, lambda row: badge(getattr(row, field), colours), ordering=field)


def short(pk: object) -> SafeString:
    """The end of an id, where UUIDs of one moment differ; the whole of it as the tooltip."""
    return format_html('<span class="font-mono" title="{}">…{}</span>', pk, str(pk)[-8:])


def code(text: str) -> SafeString:
    """Stored text as it is, line breaks kept."""
    return format_html('<pre class="whitespace-pre-wrap break-all text-xs">{}</pre>', text)


def link(to: str, pk: object, text: object = None) -> str | None:
    """A link to a row of the model called `to`, or its text alone where there is no such page.

    Models are named, not imported, so that an app can point at rows of those above it.
    """
    if pk is None:
        return None
    shown = short(pk) if text is None else text
    try:
        url = reverse(_change_page(to), args=[pk])
    except NoReverseMatch:
        return format_html("{}", shown)
    return format_html('<a href="{}" class="text-link">{}</a>', url, shown)


@cache
def _change_page(model_name: str) -> str:
    apps_of = {model._meta.model_name: model._meta.app_label for model in apps.get_models()}
    return f"admin:{apps_of.get(model_name)}_{model_name}_change"


ID = column("id", lambda row: short(row.pk))
PARTNER = column(
    "partner",
    lambda row: link("partner", row.partner_id, row.partner),
    ordering="partner__name",
)


class PeriodFilter(RangeDateFilter):
    """Whole days, the last one included, in the current time zone."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        for edge, lookup, moment in (("from", "gte", time.min), ("to", "lte", time.max)):
            day = parse_date_str(self.used_parameters.get(f"{self.field_path}_{edge}"))
            if day is not None:
                limit = datetime.combine(day, moment, timezone.get_current_timezone())
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": limit})
        return queryset


BY_PARTNER = ("partner", AutocompleteSelectFilter)
BY_STATUS = ("status", ChoicesCheckboxFilter)
BY_PERIOD = ("created_at", PeriodFilter)


class BoundedPaginator(Paginator[M], Generic[M]):
    """Counts no more than COUNTED rows: a list of millions opens like a short one."""

    @cached_property
    def count(self) -> int:
        return len(self.object_list[: COUNTED + 1].values_list("pk"))
