from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installments import planning, retries, schedule
from installments.planning import InvalidSchedule, NewOrder, Rule, ScheduleSumMismatch
from installments.schedule import Frequency, Part, Remainder
from installments.tests.stories import at, parts
from wallets import money

NOW = at("01-31")


def plan(new, *, now):
    return planning.plan(new, policy=retries.STANDARD, now=now)


few = settings(max_examples=80, deadline=None)


@st.composite
def orders(draw):
    """Any order by rule that can be agreed on, with a split of at most the amount."""
    currency = draw(st.sampled_from(["USD", "JPY", "KWD"]))
    amount = draw(st.integers(60 * 50 * 2, 10**9))
    rule = Rule(
        count=draw(st.integers(1, 60)),
        frequency=draw(st.sampled_from(Frequency)),
        interval=draw(st.integers(1, 12)),
        down_payment=draw(st.sampled_from([0, 50, amount // 3])),
        remainder=draw(st.sampled_from(Remainder)),
    )
    zone = draw(st.sampled_from(["UTC", "Asia/Tokyo", "America/Los_Angeles"]))
    return NewOrder(
        "ada",
        amount,
        currency,
        rule,
        timezone=zone,
        split_instructions=draw(splits(amount, currency)),
    )


@st.composite
def splits(draw, amount, currency):
    """Recipients of percentages and fixed amounts, often of all there is."""
    whole = draw(st.integers(0, 10_000))
    cuts = sorted({0, whole, *draw(st.lists(st.integers(1, max(whole, 1) - 1 or 1), max_size=5))})
    points = [b - a for a, b in pairwise(cuts) if b <= whole]
    rules = [
        {"recipient": f"r{n}", "percentage": f"{p // 100}.{p % 100:02d}"}
        for n, p in enumerate(points)
    ]
    left = amount - sum(money.floor_share(amount, p) for p in points)
    if left and draw(st.booleans()):
        fixed = draw(st.integers(1, left))
        rules.append({"recipient": "fixed", "amount": money.to_decimal(fixed, currency)})
    return rules


@few
@given(orders())
def test_parts_sum_to_the_order(new):
    agreed = plan(new, now=NOW)

    assert sum(part.amount for part in agreed.parts) == new.amount


@few
@given(orders())
def test_shares_over_the_parts_sum_to_the_orders_shares(new):
    agreed = plan(new, now=NOW)

    for place, share in enumerate(agreed.shares):
        column = [shares[place] for shares in agreed.part_shares]
        assert {part["recipient"] for part in column} == {share["recipient"]}
        assert sum(part["amount"] for part in column) == share["amount"]


@few
@given(orders())
def test_a_parts_shares_are_at_most_the_part(new):
    agreed = plan(new, now=NOW)

    for part, shares in zip(agreed.parts, agreed.part_shares, strict=True):
        assert all(share["amount"] >= 0 for share in shares)
        assert sum(share["amount"] for share in shares) <= part.amount


def test_two_halves_of_a_hundred_in_three_give_away_each_part_exactly():
    halves = [{"recipient": "bob", "percentage": "50"}, {"recipient": "eve", "percentage": "50"}]
    new = NewOrder("ada", 10_000, "USD", Rule(count=3), split_instructions=halves)

    agreed = plan(new, now=NOW)

    assert [sum(s["amount"] for s in shares) for shares in agreed.part_shares] == [3334, 3333, 3333]


@few
@given(orders())
def test_a_down_payment_is_due_today_and_the_rest_a_period_later(new):
    agreed = plan(new, now=NOW)

    today = schedule.local_date(NOW, new.timezone)
    first = agreed.parts[bool(new.plan.down_payment)]
    period = schedule.dates(today, 2, new.plan.frequency, new.plan.interval)
    assert first.due_date == period[1]
    assert (agreed.parts[0] == Part(new.plan.down_payment, today)) == bool(new.plan.down_payment)


def test_today_is_the_orders_local_date():
    new = NewOrder("ada", 100, "USD", [Part(100, date(2024, 1, 31))], timezone="Pacific/Kiritimati")

    with pytest.raises(InvalidSchedule) as refused:
        plan(new, now=at("01-31", hour=11))  # 1 February there

    assert refused.value.code == "date_in_past"


@pytest.mark.parametrize("asked", [3333, 3334])
def test_either_amount_of_an_uneven_part_agrees(asked):
    new = NewOrder("ada", 10_000, "USD", Rule(count=3, installment_amount=asked))

    assert len(plan(new, now=NOW).parts) == 3


@pytest.mark.parametrize("asked", [3332, 3335, 10_000, 1])
def test_a_part_that_does_not_multiply_to_the_amount_disagrees(asked):
    new = NewOrder("ada", 10_000, "USD", Rule(count=3, installment_amount=asked))

    with pytest.raises(InvalidSchedule) as refused:
        plan(new, now=NOW)

    assert refused.value.code == "installment_amount_mismatch"


@few
@given(st.lists(st.integers(50, 10**9), min_size=1, max_size=20), st.integers(1, 10**6))
def test_a_list_that_sums_to_more_or_less_is_refused(amounts, error):
    listed = [Part(a, date.fromordinal(NOW.toordinal() + n)) for n, a in enumerate(amounts)]

    with pytest.raises(ScheduleSumMismatch):
        plan(NewOrder("ada", sum(amounts) + error, "USD", listed), now=NOW)


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ([(50, "01-30"), (50, "02-29")], "date_in_past"),
        ([(50, "02-29"), (50, "02-29")], "dates_not_increasing"),
        ([(50, "02-29"), (50, "02-28")], "dates_not_increasing"),
    ],
)
def test_a_list_starts_today_at_the_earliest_and_goes_forward(listed, code):
    with pytest.raises(InvalidSchedule) as refused:
        plan(NewOrder("ada", 100, "USD", parts(*listed)), now=NOW)

    assert (refused.value.field, refused.value.code) == ("schedule", code)


@few
@given(orders(), orders())
def test_hashes_are_equal_exactly_for_equal_outcomes(one, other):
    ours, theirs = plan(one, now=NOW), plan(other, now=NOW)

    is_same = (ours.parts, ours.part_shares, one.currency, one.timezone) == (
        theirs.parts, theirs.part_shares, other.currency, other.timezone,
    )  # fmt: skip
    assert (ours.hash == theirs.hash) is is_same


def test_a_list_that_says_what_a_rule_says_has_its_hash():
    rule = Rule(count=3, first_due_date=date(2024, 3, 31))
    listed = parts((3334, "03-31"), (3333, "04-30"), (3333, "05-31"))

    plans = [plan(NewOrder("ada", 10_000, "USD", p), now=NOW) for p in (rule, listed)]

    assert plans[0].hash == plans[1].hash


def test_a_month_from_the_31st_of_january_keeps_the_31st():
    agreed = plan(NewOrder("ada", 10_000, "USD", Rule(count=3)), now=NOW)

    dates = [part.due_date.isoformat() for part in agreed.parts]
    assert dates == ["2024-02-29", "2024-03-31", "2024-04-30"]
