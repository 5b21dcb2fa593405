"""Our minor units and the processor's, by https://docs.stripe.com/currencies."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charges import card_money
from charges.card_money import Inexpressible
from devstack.stripe_sandbox import money as stripes
from wallets import money

few = settings(deadline=None, max_examples=100)


@pytest.mark.parametrize(
    ("minor", "currency", "units"),
    [
        (1999, "USD", 1999), (500, "JPY", 500), (5, "ISK", 500), (50000, "UGX", 5000000),
        (1000, "MGA", 10), (5120, "KWD", 5120), (1045, "HUF", 1045), (100, "TWD", 100),
    ],
)  # fmt: skip
def test_an_amount_is_said_in_the_processors_units(minor, currency, units):
    assert card_money.to_processor(minor, currency) == units
    assert card_money.from_processor(units, currency) == minor


@pytest.mark.parametrize("currency", sorted(card_money.SUPPORTED))
def test_a_step_is_worth_the_same_on_both_sides(currency):
    step = card_money.step(currency)

    units = card_money.to_processor(step, currency)

    assert Fraction(stripes.major(units, currency.lower())) == Fraction(
        money.to_decimal(step, currency)
    )


@few
@given(st.integers(-(10**12), 10**12), st.sampled_from(sorted(card_money.SUPPORTED)))
def test_what_is_said_is_read_back_exactly_or_not_said(minor, currency):
    if minor % card_money.step(currency):
        with pytest.raises(Inexpressible):
            card_money.to_processor(minor, currency)
    else:
        said = card_money.to_processor(minor, currency)
        assert card_money.from_processor(said, currency) == minor


@pytest.mark.parametrize(("units", "currency"), [(550, "ISK"), (1, "UGX"), (-99, "ISK")])
def test_units_between_ours_are_not_rounded(units, currency):
    with pytest.raises(Inexpressible, match=f"{units} of the processor's units"):
        card_money.from_processor(units, currency)


def test_what_a_card_cannot_pay_in_one_step_has_a_step_of_more():
    steps = {code: card_money.step(code) for code in money.currencies()}

    assert {code: step for code, step in steps.items() if step > 1} == {
        "BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10, "MGA": 100,
    }  # fmt: skip


def test_the_processors_currencies_are_those_of_its_page():
    assert {code.lower() for code in card_money.SUPPORTED} == stripes.CURRENCIES


@pytest.mark.parametrize("currency", sorted(card_money.SUPPORTED))
def test_a_minimum_is_one_that_the_processor_takes(currency):
    units = card_money.to_processor(card_money.minimum(currency), currency)

    stripes.check_amount(units, currency.lower())


@pytest.mark.parametrize("currency", sorted(card_money.MINIMUM))
def test_a_minimum_is_the_least(currency):
    least = card_money.to_processor(card_money.minimum(currency), currency)

    assert least == stripes.MINIMUMS[currency.lower()]


@pytest.mark.parametrize(
    ("currency", "most"),
    [
        ("USD", 999_999_999_999), ("ISK", 9_999_999_999), ("KWD", 999_999_999_990),
        ("MGA", 99_999_999_999_900),
    ],
)  # fmt: skip
def test_no_card_is_charged_thirteen_digits(currency, most):
    assert card_money.maximum(currency) == most
    assert card_money.to_processor(most, currency) < 10**12
