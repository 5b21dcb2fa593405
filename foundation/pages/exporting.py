"""Lists as CSV: streamed, and never a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from django.utils.html import strip_tags
from django.utils.safestring import SafeString

FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
BOM = "\ufeff"
"""Spreadsheets take the file for UTF-8 then."""

Cell = Callable[[Any], Any]


class Shown(SafeString):
    """HTML of a page that is said in `plain` words in a file."""

    plain: str

    @classmethod
    def of(cls, html: str, plain: object) -> Shown:
        shown = cls(html)
        shown.plain = str(plain)
        return shown


class _Line:
    """Where the csv module writes a line, to be taken away at once."""

    def write(self, text: str) -> str:
        return text


def lines(header: Sequence[str], cells: Sequence[Cell], rows: Iterable[Any]) -> Iterator[str]:
    """The file, a line at a time."""
    writer = csv.writer(_Line())
    yield BOM + str(writer.writerow(header))
    for row in rows:
        yield str(writer.writerow([safe(plain(cell(row))) for cell in cells]))


def plain(value: object) -> str:
    """What the page shows, without its HTML; moments and dates as in the API."""
    if value is None:
        return ""
    if isinstance(value, Shown):
        return value.plain
    if isinstance(value, SafeString):
        return strip_tags(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def safe(text: str) -> str:
    """A cell that a spreadsheet would run is text there: OWASP's apostrophe. Numbers stay."""
    is_formula = text.startswith(FORMULA) and not NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text
