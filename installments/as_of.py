"""The moment from which a run looks: all that it decides, it decides as of then.

A date means its end where each order lives, so that `2024-03-01` is the first of March in Auckland
and in Honolulu alike, and the second in neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Self

from django.db.models import Q

from installments import schedule

INSTANT = timedelta(microseconds=1)
FIRST_YEAR, LAST_YEAR = 1970, 2200


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment, or the end of a day; `moment` is then the last of all zones' ends."""

    moment: datetime
    day: date | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """From a date, or a moment with its offset. Raises ValueError."""
        if schedule.DATE.fullmatch(text):
            day = date.fromisoformat(text)
            _check_year(day.year)
            return cls(max(_ends(day)) - INSTANT, day)
        message = "A date (YYYY-MM-DD) or a time with its offset."
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise ValueError(message) from error
        if moment.tzinfo is None:
            raise ValueError(message)
        _check_year(moment.year)
        return cls(moment)

    def at(self, zone: str) -> datetime:
        """The moment for an order of that time zone."""
        return schedule.end_of(self.day, zone) - INSTANT if self.day else self.moment

    def until(
        self, field: str, *, zone: str = "order__timezone", ahead: timedelta = timedelta(0)
    ) -> Q:
        """Rows whose `field` is not later than that, or no further `ahead`."""
        if self.day is None:
            return Q((f"{field}__lte", self.moment + ahead))
        ends = _ends(self.day).items()
        return Q.create(
            [Q((f"{zone}__in", zones), (f"{field}__lt", end + ahead)) for end, zones in ends],
            connector=Q.OR,
        )


def _check_year(year: int) -> None:
    if not FIRST_YEAR <= year < LAST_YEAR:
        raise ValueError(f"A year from {FIRST_YEAR} to {LAST_YEAR - 1}.")


@lru_cache(maxsize=64)
def _ends(day: date) -> dict[datetime, list[str]]:
    """When the day ends, and in which zones then."""
    ends: dict[datetime, list[str]] = {}
    for zone in sorted(schedule.zones()):
        ends.setdefault(schedule.end_of(day, zone), []).append(zone)
    return ends
