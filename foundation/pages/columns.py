"""What lists and detail pages show of a row."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.utils import display_for_label

from foundation.pages.exporting import Shown

LINE = 40
SUCCESS, INFO, WARNING, DANGER = "success", "info", "warning", "danger"

Row = Any
"""A row of whichever model the page lists."""
Column = Callable[[Row], Any]


def column(name: str, show: Column, *, ordering: str | None = None) -> Column:
    """What `show` makes of a row, as a column of a list and as a line of a detail page."""

    @admin.display(description=name, ordering=ordering)
    def shown(row: Row) -> Any:
        return show(row)

    shown.__name__ = name.replace(" ", "_")
    return shown


def badge(value: str, colours: dict[str, str]) -> Shown:
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


def address(model: type[Model], page: str, *args: object) -> str:
    """The path of a page of the model: `changelist`, `change` with a key, `export`."""
    meta = model._meta
    quoted = [quote(str(arg)) for arg in args]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=quoted)


ID = column("id", lambda row: short(row.pk))
PARTNER = column(
    "partner",
    lambda row: link("partner", row.partner_id, row.partner),
    ordering="partner__name",
)
