"""A run as of a moment decides all of it as of then; late or early, nobody loses a try."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from charges import services as charges
from installments import services
from installments.as_of import AsOf
from installments.tests import stories
from installments.tests.stories import BY, at, parts, statuses

ONE = parts((5000, "03-01"))
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]
DECLINED = "pm_card_chargeDeclined"


def travel(as_of):
    """A run as of a date that has not come, by the real clock."""
    swept = services.sweep(as_of=AsOf.read(as_of), by=BY, now=timezone.now())
    charges.collect_due(by=BY)
    return swept


@pytest.mark.parametrize(
    ("card", "overdue"),
    [("", "03-02"), (DECLINED, "03-03")],  # while the card is asked it is not yet overdue
)
def test_due_retried_failed_and_defaulted_all_by_the_travelled_clock(agree, sandbox, card, overdue):
    order = agree("ada", ONE, payment_method=card)
    seen = []
    for number in range(60):
        day = (at("03-01") + timedelta(days=number)).date().isoformat()
        swept = travel(day)
        if swept.collected:
            seen.append(f"tried {day[5:]}")
        if swept.overdue:
            seen.append(f"overdue {day[5:]}")
        if swept.defaulted:
            seen.append(f"defaulted {day[5:]}")

    assert seen == [
        "tried 03-01", "tried 03-02", f"overdue {overdue}", "tried 03-04", "tried 03-06",
        "tried 03-08", "tried 03-11", "tried 03-15", "defaulted 04-14",
    ]  # fmt: skip
    order.refresh_from_db()
    assert (order.status, statuses(order)) == ("defaulted", ["failed"])


def test_one_long_jump_tries_once_and_goes_on_from_there(agree):
    order = agree("ada", ONE)

    travel("2024-06-01")

    part = stories.part(order)
    assert (part.status, part.attempts) == ("overdue", 1)
    assert part.next_attempt_at == at("06-02", minute=0)


def test_three_days_without_beat_are_caught_up_in_due_order(agree, wallet):
    wallet("ada", 10_000)
    orders = [agree("ada", parts((4000, day))) for day in ("03-03", "03-01", "03-02")]

    stories.sweep(at("03-04"))

    assert [statuses(order)[0] for order in orders] == ["overdue", "paid", "paid"]


def test_after_three_days_without_beat_no_try_is_lost_and_none_doubled(agree):
    order = agree("ada", ONE)
    tried = [
        day for day in range(1, 31)
        if day not in (2, 3, 4) and stories.sweep(at(f"03-{day:02d}")).collected
    ]  # fmt: skip

    assert tried == [1, 5, 7, 9, 11, 14, 18]
    assert statuses(order) == ["failed"]
    assert stories.charges_of(order).count() == 7


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("Pacific/Kiritimati", "2024-02-29 18:59:59Z", "2024-02-29 19:00:00Z"),
        ("Asia/Kathmandu", "2024-03-01 03:14:59Z", "2024-03-01 03:15:00Z"),
        ("UTC", "2024-03-01 08:59:59Z", "2024-03-01 09:00:00Z"),
        ("America/St_Johns", "2024-03-01 12:29:59Z", "2024-03-01 12:30:00Z"),
        ("Pacific/Pago_Pago", "2024-03-01 19:59:59Z", "2024-03-01 20:00:00Z"),
        ("Etc/GMT+12", "2024-03-01 20:59:59Z", "2024-03-01 21:00:00Z"),
    ],
)
def test_with_the_clock_at_the_edge_of_a_zone_a_part_is_due_to_the_second(
    agree, wallet, zone, before, after
):
    wallet("ada", 5000)
    agree("ada", ONE, timezone=zone)
    paid = []
    for moment in (before, after):
        with time_machine.travel(moment, tick=False):
            paid.append(stories.sweep(timezone.now()).paid)

    assert paid == [0, 1]


@pytest.mark.parametrize(
    ("zone", "day", "hour", "due"),
    [
        ("Europe/Berlin", "03-31", 2, "2024-03-31 01:00:00Z"),  # a gap: 02:00 does not exist
        ("Europe/Berlin", "10-27", 2, "2024-10-27 00:00:00Z"),  # twice: the first
        ("Australia/Lord_Howe", "10-06", 2, "2024-10-05 15:30:00Z"),  # half an hour's gap
        ("America/New_York", "03-10", 9, "2024-03-10 13:00:00Z"),
        ("America/New_York", "11-03", 9, "2024-11-03 14:00:00Z"),
        ("Africa/Casablanca", "03-10", 9, "2024-03-10 09:00:00Z"),  # Ramadan
        ("Asia/Tokyo", "02-29", 9, "2024-02-29 00:00:00Z"),
    ],
)
def test_across_gaps_and_overlaps_a_part_is_collected_once(agree, wallet, zone, day, hour, due):
    wallet("ada", 10_000)
    agree("ada", parts((5000, day)), timezone=zone, due_hour=hour)
    with time_machine.travel(due, tick=False):
        moment = timezone.now()
    paid = [
        stories.sweep(moment + timedelta(seconds=seconds)).paid
        for seconds in (-1, 0, 1800, 3600, 7200)
    ]

    assert paid == [0, 1, 0, 0, 0]
