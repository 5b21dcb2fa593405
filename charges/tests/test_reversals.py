"""What recipients give back: exact in any number of steps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from charges import splits


@st.composite
def stories(draw):
    """An amount, three shares of it at most, and refunds, of which some fail afterwards."""
    amount = draw(st.integers(1, 10_000))
    shares, left = [], amount
    for _ in range(3):
        part = draw(st.integers(0, left))
        shares.append(part)
        left -= part
    steps = draw(st.lists(st.tuples(st.integers(1, amount), st.booleans()), max_size=20))
    return amount, shares, steps


class Books:
    def __init__(self, amount, shares):
        self.amount, self.shares = amount, shares
        self.live = []

    @property
    def returned(self):
        return sum(part for part, _ in self.live)

    @property
    def given_back(self):
        return [sum(cells[i] for _, cells in self.live) for i in range(len(self.shares))]

    def give_back(self, part):
        cells = splits.reversal(
            self.shares,
            self.amount,
            returned=self.returned,
            given_back=self.given_back,
            amount=part,
        )
        self.live.append((part, cells))
        return cells


@settings(max_examples=1000, deadline=None)
@given(stories())
def test_any_refunds_some_of_them_failing_end_exact(story):
    amount, shares, steps = story
    books = Books(amount, shares)
    for part, fails in steps:
        if (part := min(part, amount - books.returned)) < 1:
            break
        cells = books.give_back(part)
        assert all(cell >= 0 for cell in cells)
        assert sum(cells) <= part
        assert all(g <= share for g, share in zip(books.given_back, shares, strict=True))
        if fails:
            books.live.pop(len(books.live) // 2)
    if rest := amount - books.returned:
        books.give_back(rest)

    assert books.given_back == shares


@settings(max_examples=300, deadline=None)
@given(stories())
def test_nobody_is_more_than_a_unit_per_recipient_from_their_part(story):
    amount, shares, steps = story
    books = Books(amount, shares)
    for part, _ in steps:
        if (part := min(part, amount - books.returned)) < 1:
            break
        books.give_back(part)
        for share, had in zip(shares, books.given_back, strict=True):
            assert abs(had * amount - share * books.returned) < len(shares) * amount


def test_half_of_a_charge_takes_half_of_each_share():
    assert splits.reversal([40, 10], 100, returned=0, given_back=[0, 0], amount=50) == [20, 5]


def test_thirds_are_cumulative():
    given = [0]
    for step, returned in enumerate((0, 100, 200)):
        (cell,) = splits.reversal([100], 300, returned=returned, given_back=given, amount=100)
        given[0] += cell
        assert given[0] == (33, 66, 100)[step]
