"""What a run costs, and that it always gets to the end of what is due."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from installments.late_fees import LateFee
from installments.models import Installment
from installments.tests import stories
from installments.tests.stories import at, daily, statuses

TEN_PERCENT = [{"recipient": "bob", "percentage": "10"}]


@pytest.mark.parametrize("split", [[], TEN_PERCENT])
def test_a_chunk_costs_the_same_statements_for_1_10_and_200_parts(agree, wallet, split):
    wallet("bob")
    stories.sweep(at("12-01"))  # the first run of a day compares clocks
    costs = []
    for count in (1, 10, 200):
        customer = f"c{count}"
        wallet(customer, 100 * count)
        agree(customer, [*daily(count), *daily(1, first="12-30")], split_instructions=split)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert stories.sweep(at("12-01")).paid == count
        costs.append(len(captured))

    assert len(set(costs)) == 1, costs


def test_many_wallets_cost_the_statements_of_one(agree, wallet):
    stories.sweep(at("12-01"))  # the first run of a day compares clocks
    costs = []
    for count in (1, 12):
        for number in range(count):
            wallet(f"c{count}-{number}", 100)
            agree(f"c{count}-{number}", [*daily(1), *daily(1, first="12-30")])
        with CaptureQueriesContext(connection) as captured:
            assert stories.sweep(at("12-01")).paid == count
        costs.append(len(captured))

    assert len(set(costs)) == 1, costs


def test_time_passes_at_the_same_cost_for_1_and_12_orders(agree, wallet):
    fee = LateFee(amount="1.00", percentage=None, grace_days=0, cap=None)
    costs = []
    for day, count in (("02-01", 1), ("02-10", 12)):
        for number in range(count):
            agree(
                f"c{day}-{number}", [*daily(1, first=day), *daily(1, first="12-30")], late_fee=fee
            )
        stories.sweep(at(day))
        with CaptureQueriesContext(connection) as captured:
            swept = stories.sweep(at(day).replace(hour=1) + timedelta(days=1))
        assert (swept.overdue, swept.late_fees) == (count, count)
        costs.append(len(captured))

    assert costs[0] == costs[1], costs


def test_unpayable_parts_at_the_head_do_not_starve_later_ones(agree, wallet):
    wallet("ada", 100)
    poor = agree("poor", daily(600, first="01-02"))
    rich = agree("ada", daily(1, first="12-01"))

    swept = stories.sweep(at("12-31").replace(year=2026))

    assert (swept.failed, swept.paid) == (600, 1)
    assert statuses(rich) == ["paid"]
    assert Installment.objects.filter(order=poor, attempts=1).count() == 600


def test_runs_with_a_limit_get_past_unpayable_parts(agree, wallet):
    wallet("ada", 100)
    agree("poor", daily(12, first="01-02"))
    rich = agree("ada", daily(1, first="12-01"))

    for _ in range(3):
        stories.sweep(at("12-02"), limit=5)

    assert statuses(rich) == ["paid"]


def test_a_limit_is_kept(agree, wallet):
    wallet("ada", 2000)
    agree("ada", daily(20))

    assert stories.sweep(at("03-01"), limit=7).collected == 7
