"""As of a date is as of its end where each order lives; a whole run looks from there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from installments.as_of import AsOf
from installments.models import Installment
from installments.tests import stories
from installments.tests.stories import parts, statuses

TWO_DAYS = parts((5000, "03-01"), (5000, "03-02"))
ZONES = [
    "Pacific/Kiritimati", "Pacific/Auckland", "Australia/Sydney", "Asia/Kathmandu", "UTC",
    "America/New_York", "Pacific/Honolulu", "Pacific/Pago_Pago", "Etc/GMT+12",
]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_a_date_ends_where_the_order_lives(zone):
    last = AsOf.read("2024-02-29").at(zone)

    there = ZoneInfo(zone)
    after = last + timedelta(microseconds=1)
    assert last.astimezone(there).date() == date(2024, 2, 29)
    assert after.astimezone(there).date() == date(2024, 3, 1)


@pytest.mark.parametrize("zone", ZONES)
def test_as_of_a_date_its_parts_are_due_and_the_next_days_are_not(agree, zone):
    order = agree("ada", TWO_DAYS, timezone=zone)

    due = Installment.objects.due(AsOf.read("2024-03-01"))

    assert [part.installment_number for part in due.filter(order=order)] == [1]


@pytest.mark.parametrize("zone", ZONES)
def test_a_run_as_of_a_date_makes_that_days_parts_not_overdue(agree, zone):
    order = agree("ada", TWO_DAYS, timezone=zone)

    for text, expected in [("2024-03-01", "pending"), ("2024-03-02", "overdue")]:
        stories.services.sweep(as_of=AsOf.read(text), by=stories.BY, now=stories.at("01-02"))
        assert statuses(order)[0] == expected


def test_as_of_a_moment_keeps_its_offset():
    as_of = AsOf.read("2024-02-29T09:00:00+02:00")

    assert as_of.at("Asia/Tokyo") == datetime(2024, 2, 29, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "20240229",
        "2024-W09-4",
        "2024-02-29T09:00",
        "tomorrow",
        "",
        "٢٠٢٤-01-01",
        "9999-12-30",
        "2206-01-01",
        "0001-01-01",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_another_form_of_as_of_is_refused(text):
    with pytest.raises(ValueError):
        AsOf.read(text)
