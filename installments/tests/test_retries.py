from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installments import retries, schedule
from installments.retries import STANDARD

DUE = date(2024, 3, 1)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago"]


def tries(due_date, zone, late=()):
    """The local moments of all tries; the n-th comes so many days late as `late` says."""
    moment, made = schedule.moment(due_date, 9, zone), []
    while moment:
        moment += timedelta(days=dict(late).get(len(made), 0))
        made.append(moment.astimezone(schedule.ZoneInfo(zone)))
        moment = retries.next_attempt(STANDARD, len(made), at=moment, zone=zone, hour=9)
    return made


@pytest.mark.parametrize("zone", ZONES)
def test_tries_are_on_days_0_1_3_5_7_10_14(zone):
    made = tries(DUE, zone)

    assert [(t.date() - DUE).days for t in made] == [0, 1, 3, 5, 7, 10, 14]


@settings(max_examples=40, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2040, 1, 1)), st.sampled_from(ZONES))
def test_every_try_is_at_nine_local(due_date, zone):
    assert {(t.hour, t.minute) for t in tries(due_date, zone)} == {(9, 0)}


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.integers(0, 6), st.integers(0, 20)))
def test_a_late_try_keeps_the_distances_after_it(late):
    made = [t.date().toordinal() for t in tries(DUE, "UTC", late.items())]

    gaps = [b - a - late.get(n, 0) for n, (a, b) in enumerate(pairwise(made), 1)]
    assert gaps == [1, 2, 2, 2, 3, 4]


def test_a_try_late_in_the_day_does_not_move_the_next_hour():
    at = schedule.moment(DUE, 9, "UTC") + timedelta(hours=14)

    following = retries.next_attempt(STANDARD, 1, at=at, zone="UTC", hour=9)

    assert following == schedule.moment(DUE + timedelta(days=1), 9, "UTC")


def test_after_the_last_try_there_is_none():
    at = schedule.moment(DUE, 9, "UTC")

    assert retries.next_attempt(STANDARD, 7, at=at, zone="UTC", hour=9) is None


def test_retry_dates_are_the_tries_of_a_punctual_run():
    assert retries.retry_dates(STANDARD, DUE) == [t.date() for t in tries(DUE, "Europe/Berlin")]
