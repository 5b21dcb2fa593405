"""What stands above each list: a way down the calendar, and the list as a file."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from unfold.utils import parse_date_str

from foundation.pages import PeriodFilter, address

YEARS = 5
"""So many years are offered at most, from the first row's on."""


def tools(request: HttpRequest, changes: Any) -> dict[str, Any]:
    """The context of the template; exports only for those who may."""
    export = address(changes.model, "export")
    query = request.GET.urlencode()
    may_export = request.user.has_perm("staff.export")
    return {
        "drill": _drill(request, changes),
        "export_url": f"{export}?{query}" if may_export else None,
    }


def _drill(request: HttpRequest, changes: Any) -> dict[str, Any] | None:
    """Links that set the period of the list's first PeriodFilter; None without one."""
    field = next(
        (spec.field_path for spec in changes.filter_specs if isinstance(spec, PeriodFilter)), None
    )
    if field is None:
        return None
    first, last = (parse_date_str(request.GET.get(f"{field}_{edge}")) for edge in ("from", "to"))

    def link(name: str, start: date | None, end: date | None) -> dict[str, str]:
        query = request.GET.copy()
        for edge, day in (("from", start), ("to", end)):
            query.pop(f"{field}_{edge}", None)
            if day:
                query[f"{field}_{edge}"] = day.isoformat()
        query.pop("p", None)
        return {"name": name, "url": f"?{query.urlencode()}"}

    oldest = changes.model._default_manager.order_by("pk").values_list(field, flat=True).first()
    return Drill(first, last, link, since=oldest.year if oldest else timezone.now().year).shown()


class Drill:
    """Where the period stands in the calendar: nowhere, a year, a month or a day of it."""

    def __init__(self, first: date | None, last: date | None, link: Any, *, since: int) -> None:
        self.first, self.last, self.link, self.since = first, last, link, since

    def shown(self) -> dict[str, Any]:
        first, last = self.first, self.last
        everything = self.link("All dates", None, None)
        if not first or not last:
            here = "" if not first and not last else "Other period"
            path = [everything] if here else []
            return {"path": path, "here": here, "below": self._years()}
        path = [everything]
        if (first, last) == year(first.year):
            return {"path": path, "here": str(first.year), "below": self._months(first.year)}
        path.append(self.link(str(first.year), *year(first.year)))
        if (first, last) == month(first):
            return {"path": path, "here": f"{first:%B}", "below": self._days(first)}
        path.append(self.link(f"{first:%B}", *month(first)))
        if first == last:
            return {"path": path, "here": str(first.day), "below": []}
        return {"path": [everything], "here": f"{first} to {last}", "below": self._years()}

    def _years(self) -> list[dict[str, str]]:
        now = timezone.now().year
        first = max(self.since, now - YEARS + 1)
        return [self.link(str(n), *year(n)) for n in range(first, now + 1)]

    def _months(self, of: int) -> list[dict[str, str]]:
        starts = [date(of, n, 1) for n in range(1, 13)]
        return [self.link(f"{start:%b}", *month(start)) for start in starts]

    def _days(self, of: date) -> list[dict[str, str]]:
        start, end = month(of)
        days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
        return [self.link(str(day.day), day, day) for day in days]


def year(of: int) -> tuple[date, date]:
    return date(of, 1, 1), date(of, 12, 31)


def month(of: date) -> tuple[date, date]:
    return of.replace(day=1), of.replace(day=calendar.monthrange(of.year, of.month)[1])
