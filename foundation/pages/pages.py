"""Lists that stay fast, pages of rows that only doors write, tables below a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q, QuerySet
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import slugify
from unfold.admin import TabularInline
from unfold.datasets import BaseDataset

from foundation.pages import exporting
from foundation.pages.columns import Column, Row
from foundation.pages.filters import M
from foundation.pages.lookups import ListAdmin

COUNTED = 10_000
CHUNK = 2000
ID_OF_PROCESSOR = ("pi_", "pm_", "cus_", "re_", "du_", "evt_")

exported = Signal()
"""A list of the sender's rows was taken as a file, by the `request`."""


def may_see(request: HttpRequest, model: type[models.Model]) -> bool:
    """Whether the person may open the model's list."""
    meta = model._meta
    return request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}")


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # not generic at run time
    """Counts no more than COUNTED rows: a list of millions opens like a short one."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:COUNTED].count())


class RowAdmin(ListAdmin):
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
    processor_fields: Sequence[str] = ()
    export_fields: Sequence[str | Column] = ()
    """What a file has beside the columns of the list."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """An id, ours or the processor's, is equal to a field; other words are part of one. The
        processor's are looked for in `processor_fields` alone, if there are any.
        """
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
        texts = (wanted is None and self.processor_fields) or self.search_fields
        lookups: list[Any] = [(field, wanted) for field in fields]
        lookups += [(field, term) for field in texts]
        return queryset.filter(Q.create(lookups, connector=Q.OR)), False

    def get_urls(self) -> list[URLPattern]:
        meta = self.model._meta
        export = self.admin_site.admin_view(self.export)
        name = f"{meta.app_label}_{meta.model_name}_export"
        urls: list[URLPattern] = super().get_urls()
        return [path("export", export, name=name), *urls]

    def export(self, request: HttpRequest) -> StreamingHttpResponse | HttpResponseRedirect:
        """The filtered list as CSV: the columns of the page and the currency, all rows."""
        if not self.has_view_permission(request) or not request.user.has_perm("staff.export"):
            raise PermissionDenied
        try:
            changes = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect("./?e=1")  # as the list itself does
        columns = [*self.get_list_display(request), *self.export_fields, *self._currency()]
        header = [str(label_for_field(name, self.model, self)) for name in columns]
        cells = [name if callable(name) else attrgetter(name) for name in columns]
        rows = changes.get_queryset(request).iterator(CHUNK)
        exported.send(self.model, request=request)
        file = slugify(f"{self.model._meta.verbose_name_plural}-{timezone.now():%Y-%m-%d}")
        return StreamingHttpResponse(
            exporting.lines(header, cells, rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{file}.csv"'},
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
