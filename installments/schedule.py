"""Schedules: amounts that sum exactly, dates that keep their anchor. Pure: no clock."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones


class Frequency(StrEnum):
    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    MONTHLY = "monthly"


class Remainder(StrEnum):
    SPREAD = "spread"
    FIRST = "first"
    LAST = "last"


DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DAYS = {Frequency.WEEKLY: 7, Frequency.BIWEEKLY: 14}


@dataclass(frozen=True, slots=True)
class Part:
    """One part: minor units and the local date it is due on."""

    amount: int
    due_date: date


class PartTooSmall(Exception):
    """The amount cannot be shared over so many parts of at least one step."""


class UnknownTimeZone(Exception):
    """A zone that an order was made in and that the database of zones has no more."""

    def __init__(self, zone: str) -> None:
        super().__init__(f"The order's time zone, {zone or 'an empty name'}, is not known.")


def amounts(total: int, count: int, remainder: Remainder, step: int = 1) -> list[int]:
    """`count` parts that sum to the total: 10000 in 3 spread is 3334, 3333, 3333, and in steps of
    10 it is 3340, 3330, 3330.

    What the total has between two steps goes to one part: the last if the remainder does, else
    the first. Raises PartTooSmall.
    """
    steps, between = divmod(total, step)
    base, rest = divmod(steps, count)
    if base == 0:
        raise PartTooSmall(f"{total} minor units are too few for {count} parts.")
    if remainder == Remainder.SPREAD:
        parts = [step * (base + (place < rest)) for place in range(count)]
        parts[0] += between
        return parts
    parts = [step * base] * count
    parts[0 if remainder == Remainder.FIRST else -1] += step * rest + between
    return parts


def dates(first: date, count: int, frequency: Frequency, interval: int) -> list[date]:
    """Due dates; months keep the day of the first: 31 Jan, 28 Feb, 31 Mar."""
    if frequency == Frequency.MONTHLY:
        return [months_after(first, place * interval) for place in range(count)]
    return [first + timedelta(days=DAYS[frequency] * interval * place) for place in range(count)]


def months_after(anchor: date, months: int) -> date:
    year, month = divmod(anchor.month - 1 + months, 12)
    year, month = anchor.year + year, month + 1
    return date(year, month, min(anchor.day, calendar.monthrange(year, month)[1]))


def moment(day: date, hour: int, zone: str) -> datetime:
    """The UTC instant of a local wall-clock hour.

    In a gap of daylight saving time the clock that was in force before counts (PEP 495, fold=0),
    in an overlap the first of both. Raises UnknownTimeZone.
    """
    return datetime.combine(day, time(hour), _zone(zone)).astimezone(UTC)


def nearest(at: datetime, hour: int, zone: str) -> datetime:
    """The instant of that local hour, on any day, that is nearest to `at`."""
    day = local_date(at, zone)
    hours = [moment(day + timedelta(days=days), hour, zone) for days in (-1, 0, 1)]
    return min(hours, key=lambda each: abs(each - at))


@cache
def zones() -> set[str]:
    """Every IANA time zone; not the names that stand for this machine's, or for none."""
    return available_timezones() - {"localtime", "Factory"}


def local_date(at: datetime, zone: str) -> date:
    """Raises UnknownTimeZone."""
    return at.astimezone(_zone(zone)).date()


def end_of(day: date, zone: str = "UTC") -> datetime:
    """The first instant after the local date."""
    return moment(day + timedelta(days=1), 0, zone)


def total(parts: Sequence[Part]) -> int:
    return sum(part.amount for part in parts)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # a folder of zones is an OSError
        raise UnknownTimeZone(name) from error
