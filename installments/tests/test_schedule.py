from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installments import schedule
from installments.schedule import Frequency, PartTooSmall, Remainder

counts = st.integers(1, 60)
totals = st.integers(60, 10**12)
days = st.dates(date(2024, 1, 1), date(2100, 12, 31))
zones = st.sampled_from(sorted(zoneinfo.available_timezones()))
few = settings(max_examples=60, deadline=None)


@few
@given(totals, counts, st.sampled_from(Remainder))
def test_parts_sum_to_the_total(total, count, remainder):
    assert sum(schedule.amounts(total, count, remainder)) == total


@few
@given(totals, counts)
def test_spread_parts_differ_by_at_most_one_unit_the_larger_first(total, count):
    parts = schedule.amounts(total, count, Remainder.SPREAD)

    assert parts[0] - parts[-1] in (0, 1)
    assert parts == sorted(parts, reverse=True)


@few
@given(totals, counts, st.sampled_from([Remainder.FIRST, Remainder.LAST]))
def test_a_remainder_lies_whole_on_its_part(total, count, remainder):
    parts = schedule.amounts(total, count, remainder)
    taker = parts.pop(0 if remainder == Remainder.FIRST else -1)

    assert set(parts) <= {total // count}
    assert taker == total // count + total % count


@pytest.mark.parametrize(
    ("remainder", "parts"),
    [
        (Remainder.SPREAD, [3334, 3333, 3333]),
        (Remainder.FIRST, [3334, 3333, 3333]),
        (Remainder.LAST, [3333, 3333, 3334]),
    ],
)
def test_a_hundred_in_three(remainder, parts):
    assert schedule.amounts(10_000, 3, remainder) == parts


def test_two_cents_spread_over_more_parts_come_first():
    assert schedule.amounts(10_001, 3, Remainder.SPREAD) == [3334, 3334, 3333]


def test_a_part_of_nothing_is_refused():
    with pytest.raises(PartTooSmall):
        schedule.amounts(59, 60, Remainder.SPREAD)


@few
@given(days, counts, st.sampled_from(Frequency), st.integers(1, 52))
def test_dates_strictly_increase_from_the_first(first, count, frequency, interval):
    dates = schedule.dates(first, count, frequency, interval)

    assert dates[0] == first
    assert len(dates) == count
    assert all(earlier < later for earlier, later in pairwise(dates))


@few
@given(days, counts, st.integers(1, 52))
def test_months_keep_the_anchor_day_or_end_the_month(first, count, interval):
    for due in schedule.dates(first, count, Frequency.MONTHLY, interval):
        is_last_of_month = (due + timedelta(days=1)).day == 1
        assert due.day == first.day or (due.day < first.day and is_last_of_month)


@pytest.mark.parametrize(
    ("first", "dates"),
    [
        ("2023-01-31", ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30"]),
        ("2024-01-31", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]),
        ("2024-02-29", ["2024-02-29", "2024-03-29", "2024-04-29", "2024-05-29"]),
        ("2023-11-30", ["2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29"]),
    ],
)
def test_a_month_end_comes_back_to_its_anchor(first, dates):
    found = schedule.dates(date.fromisoformat(first), 4, Frequency.MONTHLY, 1)

    assert [due.isoformat() for due in found] == dates


def test_a_leap_day_a_year_later_is_the_28th():
    assert schedule.months_after(date(2024, 2, 29), 12) == date(2025, 2, 28)


def test_two_weeks_are_fourteen_days_across_a_clock_change():
    dates = schedule.dates(date(2024, 3, 20), 2, Frequency.BIWEEKLY, 1)

    assert dates[1] == date(2024, 4, 3)


@few
@given(days, zones)
def test_the_due_hour_falls_on_the_local_date_in_every_zone(day, zone):
    due = schedule.moment(day, 9, zone)

    assert schedule.local_date(due, zone) == day
    assert due.astimezone(ZoneInfo(zone)).hour == 9


@few
@given(days, zones)
def test_a_date_ends_where_the_next_begins_in_every_zone(day, zone):
    end = schedule.end_of(day, zone)

    assert schedule.local_date(end, zone) == day + timedelta(days=1)
    assert schedule.local_date(end - timedelta(microseconds=1), zone) == day


@pytest.mark.parametrize(
    ("day", "hour", "zone", "utc"),
    [
        (date(2024, 3, 31), 2, "Europe/Berlin", "2024-03-31T01:00"),  # the gap
        (date(2024, 10, 27), 2, "Europe/Berlin", "2024-10-27T00:00"),  # the first of both
        (date(2024, 3, 31), 9, "Europe/Berlin", "2024-03-31T07:00"),
        (date(2024, 3, 30), 9, "Europe/Berlin", "2024-03-30T08:00"),
        (date(2024, 2, 29), 9, "Pacific/Kiritimati", "2024-02-28T19:00"),
        (date(2024, 2, 29), 9, "Pacific/Pago_Pago", "2024-02-29T20:00"),
        (date(2024, 4, 26), 0, "Africa/Cairo", "2024-04-25T22:00"),  # midnight does not exist
    ],
)
def test_a_local_hour_is_this_instant(day, hour, zone, utc):
    assert schedule.moment(day, hour, zone) == datetime.fromisoformat(utc).replace(tzinfo=UTC)
