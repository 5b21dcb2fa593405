"""What the staff pages of every app are made of: columns, filters, lists, tables below a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import label_for_field, quote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator, slugify
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesCheckboxFilter,
    DropdownFilter,
    RangeDateFilter,
)
from unfold.datasets import BaseDataset
from unfold.utils import display_for_label, parse_date_str

from partners import exporting
from partners.exporting import Shown

COUNTED = 10_000
CHUNK = 2000
LINE = 40
ID_OF_PROCESSOR = ("pi_", "pm_", "cus_", "re_", "du_", "evt_")
SUCCESS, INFO, WARNING, DANGER = "success", "info", "warning", "danger"

exported = Signal()
"""A list of the sender's rows was taken as a file, by the `request`."""

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
    return Shown.of(label, value)


def flagged(value: str, colours: dict[str, str], flag: str | None) -> SafeString:
    """The state in its colour and, where there is one, what needs somebody's eye in red."""
    if flag is None:
        return badge(value, colours)
    both = format_html("{} {}", badge(value, colours), badge(flag, {flag: DANGER}))
    return Shown.of(both, f"{value}, {flag}")


def state(colours: dict[str, str], field: str = "status") -> Column:
    return column(field, lambda row: badge(getattr(row, field), colours), ordering=field)


def short(pk: object) -> SafeString:
    """The end of an id, where UUIDs of one moment differ; the whole of it as the tooltip."""
    end = format_html(
        '<span class="font-mono whitespace-nowrap" title="{}">…{}</span>', pk, str(pk)[-8:]
    )
    return Shown.of(end, pk)


def line(field: str, name: str | None = None) -> Column:
    """Stored text cut to what fits into a list; the whole of it as the tooltip."""

    def show(row: Row) -> SafeString | None:
        whole = getattr(row, field)
        if not whole:
            return None
        cut = format_html('<span title="{}">{}</span>', whole, Truncator(whole).chars(LINE))
        return Shown.of(cut, whole)

    return column(name or field.replace("_", " "), show, ordering=field)


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
        url = reverse(_change_page(to), args=[quote(str(pk))])
    except NoReverseMatch:
        return format_html("{}", shown)
    return Shown.of(
        format_html('<a href="{}" class="text-link">{}</a>', url, shown),
        pk if text is None else text,
    )


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


class CaseFilter(DropdownFilter):
    """Rows of one case at a time: `cases` says which rows each name stands for."""

    def cases(self) -> dict[str, Q]:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, name) for name in self.cases()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        return queryset.filter(self.cases().get(self.value(), Q()))


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts no more than COUNTED rows: a list of millions opens like a short one."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED].count())


class RowAdmin(ModelAdmin):
    """Lists that stay fast: bounded counts, joined owners, ids looked up exactly."""

    paginator: ClassVar[Any] = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # The pages of actions, whose app is above all others, hang themselves in here.
    change_form_outer_before_template = "admin/staff/before.html"
    change_form_outer_after_template = "admin/staff/after.html"
    list_before_template = "admin/staff/list.html"
    list_filter_submit = True
    list_select_related: ClassVar[Any] = ("partner",)
    id_fields: Sequence[str] = ("id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """An id, ours or the processor's, is equal to a field; other words are part of one."""
        term = search_term.strip()
        try:
            fields, wanted = list(self.id_fields), UUID(term)
        except ValueError:
            if not term.startswith(ID_OF_PROCESSOR):
                found: tuple[QuerySet[M], bool] = super().get_search_results(
                    request, queryset, search_term
                )
                return found
            fields, wanted = [], None
        lookups: list[Any] = [(field, wanted) for field in fields]
        lookups += [(field, term) for field in self.search_fields]
        return queryset.filter(Q.create(lookups, connector=Q.OR)), False

    def get_urls(self) -> list[URLPattern]:
        meta = self.model._meta
        export = self.admin_site.admin_view(self.export)
        name = f"{meta.app_label}_{meta.model_name}_export"
        urls: list[URLPattern] = super().get_urls()
        return [path("export", export, name=name), *urls]

    def export(self, request: HttpRequest) -> StreamingHttpResponse:
        """The filtered list as CSV: the columns of the page and the currency, all rows."""
        if not self.has_view_permission(request) or not request.user.has_perm("staff.export"):
            raise PermissionDenied
        changes = self.get_changelist_instance(request)
        columns = [*self.get_list_display(request), *self._currency()]
        header = [str(label_for_field(name, self.model, self)) for name in columns]
        cells = [name if callable(name) else attrgetter(name) for name in columns]
        rows = changes.get_queryset(request).iterator(CHUNK)
        exported.send(self.model, request=request)
        file = f"{self.model._meta.verbose_name_plural}-{timezone.now():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            exporting.lines(header, cells, rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{slugify(file[:-4])}.csv"'},
        )

    def _currency(self) -> list[str]:
        return ["currency"] if hasattr(self.model, "currency") else []


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest, obj: Row = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row = None) -> bool:
        return False


class ReadOnlyAdmin(_ReadOnly, RowAdmin):
    """Rows that only doors write: nobody adds, changes or deletes them here, whoever they are."""

    def get_fieldsets(self, request: HttpRequest, obj: Row = None) -> list[Any]:
        """Lines without a value are left out."""
        fieldsets = super().get_fieldsets(request, obj)
        filled = [
            (title, {**options, "fields": [f for f in options["fields"] if _has_value(f, obj)]})
            for title, options in fieldsets
        ]
        return [(title, options) for title, options in filled if options["fields"]]


def _has_value(field: str | Column, row: Row) -> bool:
    value = getattr(row, field) if isinstance(field, str) else field(row)
    return value not in (None, "", [], {})


class ReadOnlyInline(_ReadOnly, TabularInline):
    hide_title = True
    list_select_related: Sequence[str] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def get_readonly_fields(self, request: HttpRequest, obj: Row = None) -> Sequence[Any]:
        return list(self.fields)


class RelatedRows(RowAdmin):
    """The list of another page, cut down to what belongs to the row of this one."""

    search_fields = ()
    list_per_page = 10
    rows: Callable[[str], Q]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        everything: QuerySet[Any] = super().get_queryset(request)
        joined = everything.select_related(*self.list_select_related)
        return joined.filter(self.rows(self.extra_context["object"]))


def related(
    model: type[models.Model],
    page: type[RowAdmin],
    *,
    title: str,
    columns: Sequence[str | Column],
    rows: Callable[[str], Q],
) -> type[BaseDataset]:
    """A table under a detail page: those `rows` of the `model`, given the page's id, newest first.

    For relations without a foreign key, and for those of many rows.
    """
    below = {"list_display": columns, "rows": staticmethod(rows)}
    shown_by = type(f"Related{page.__name__}", (RelatedRows, page), below)
    contents = {"model": model, "model_admin": shown_by, "title": title}
    return type(f"Related{model.__name__}", (BaseDataset,), contents)


class _WithoutTransaction(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    fieldsets: ClassVar[Any] = (
        None  # columns are callables, which Django takes and its types do not
    )
    readonly_fields: ClassVar[Any] = ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        # What Django's own does, without the transaction that it holds open around it.
        answer: HttpResponse = self._changeform_view(  # type: ignore[attr-defined]
            request, object_id, form_url, extra_context
        )
        return answer


class DoorAdmin(RowAdmin, _WithoutTransaction):
    """Forms whose save is a door, which begins and ends its transaction itself."""

    def has_delete_permission(self, request: HttpRequest, obj: Row = None) -> bool:
        return False
