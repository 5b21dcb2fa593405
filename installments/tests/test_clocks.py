"""Local dates stay what they are when a government changes its clocks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db.models import F

from installments import schedule
from installments.late_fees import LateFee
from installments.models import Installment
from installments.tests import stories
from installments.tests.stories import at, parts, statuses

HOUR = timedelta(hours=1)
PLAN = parts((1000, "03-01"), (1000, "06-01"))
ZONE = "Africa/Casablanca"
FEE = LateFee(amount="1.00", percentage=None, grace_days=2, cap=None)
MOMENTS = ["due_at", "overdue_from", "late_fee_from", "next_attempt_at"]


def moments(order):
    return list(order.installments.order_by("id").values_list(*MOMENTS))


def made_by_another_clock(order, by=HOUR):
    """As if the order had been made while its zone's clock was known to stand otherwise."""
    order.installments.update(**{name: F(name) + by for name in MOMENTS})


@pytest.mark.parametrize("by", [HOUR, -HOUR, timedelta(minutes=30), timedelta(hours=24)])
def test_every_moment_follows_the_clock_as_it_is_known_now(agree, by):
    order = agree("ada", PLAN, timezone=ZONE, late_fee=FEE)
    right = moments(order)
    made_by_another_clock(order, by)

    assert stories.sweep(at("02-01")).kept == 2
    assert moments(order) == right


def test_a_part_is_not_collected_an_hour_early(agree, wallet):
    wallet("ada", 5000)
    order = agree("ada", PLAN, timezone=ZONE)
    due_at = stories.part(order).due_at
    made_by_another_clock(order, -HOUR)

    assert stories.sweep(due_at - timedelta(minutes=30)).paid == 0
    assert stories.sweep(due_at).paid == 1


def test_a_try_to_come_keeps_its_local_hour(agree):
    order = agree("ada", PLAN, timezone=ZONE)
    stories.sweep(at("03-01"))
    stories.sweep(at("03-02"))
    part = stories.part(order)
    Installment.objects.filter(id=part.id).update(next_attempt_at=F("next_attempt_at") + HOUR)

    assert stories.sweep(at("03-03", hour=12)).kept == 1
    assert stories.part(order).next_attempt_at == part.next_attempt_at


def test_parts_whose_moments_are_right_are_not_written(agree):
    order = agree("ada", PLAN, timezone=ZONE)
    before = list(order.installments.values_list("updated_at", flat=True))

    assert stories.sweep(at("02-01")).kept == 0
    assert list(order.installments.values_list("updated_at", flat=True)) == before


def test_it_is_looked_at_once_a_day(agree):
    order = agree("ada", PLAN, timezone=ZONE)
    stories.sweep(at("02-01"))
    made_by_another_clock(order)

    assert stories.sweep(at("02-01", hour=23)).kept == 0
    assert stories.sweep(at("02-02", hour=10)).kept == 2


def test_what_is_paid_stays_as_it_was(agree, wallet):
    wallet("ada", 1000)
    order = agree("ada", PLAN, timezone=ZONE)
    stories.sweep(at("03-01"))
    Installment.objects.filter(order=order).update(due_at=F("due_at") + HOUR)

    stories.sweep(at("03-03"))

    assert statuses(order) == ["paid", "pending"]
    assert stories.part(order).due_at == schedule.moment(date(2024, 3, 1), 9, ZONE) + HOUR


@pytest.mark.parametrize("hour", [0, 9, 23])
def test_the_nearest_local_hour(hour):
    meant = schedule.moment(date(2024, 3, 1), hour, ZONE)

    assert schedule.nearest(meant + HOUR, hour, ZONE) == meant
    assert schedule.nearest(meant - HOUR, hour, ZONE) == meant
