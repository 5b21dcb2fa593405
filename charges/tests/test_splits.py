from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charges import splits
from charges.splits import InvalidPercentage, SplitExceedsAmount

POINTS = st.lists(st.integers(1, 10_000), min_size=1, max_size=20).filter(
    lambda points: sum(points) <= 10_000
)
quick = settings(deadline=None, max_examples=60)


def percentages(points):
    return [
        {"recipient": str(place), "percentage": f"{part // 100}.{part % 100:02d}"}
        for place, part in enumerate(points)
    ]


@pytest.mark.parametrize(
    ("text", "points"), [("100", 10_000), ("12.5", 1250), ("0.01", 1), ("33.33", 3333)]
)
def test_a_percentage_is_basis_points(text, points):
    assert splits.basis_points(text) == points


@pytest.mark.parametrize("text", ["0", "0.00", "100.01", "101", "12.345", "-1", "1e1", "", " 5"])
def test_a_percentage_outside_of_0_to_100_is_none(text):
    with pytest.raises(InvalidPercentage):
        splits.basis_points(text)


@quick
@given(st.integers(1, 10**12), POINTS)
def test_percentages_up_to_100_never_exceed_the_amount(amount, points):
    shares = splits.resolve(percentages(points), amount, "USD")

    assert sum(share["amount"] for share in shares) <= amount


@quick
@given(st.integers(1, 10**12), POINTS)
def test_each_percentage_is_floored(amount, points):
    shares = splits.resolve(percentages(points), amount, "USD")

    assert [share["amount"] for share in shares] == [amount * p // 10_000 for p in points]


def test_shares_above_the_amount_are_refused():
    rules = [{"recipient": "a", "amount": "6.00"}, {"recipient": "b", "percentage": "41"}]

    with pytest.raises(SplitExceedsAmount):
        splits.resolve(rules, 1000, "USD")


def test_shares_of_exactly_the_amount_are_taken():
    rules = [{"recipient": "a", "amount": "6.00"}, {"recipient": "b", "percentage": "40"}]

    assert [s["amount"] for s in splits.resolve(rules, 1000, "USD")] == [600, 400]
