from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charges import card_money, legs

AMOUNT = st.integers(1, 10**12)
CURRENCY = st.sampled_from(["USD", "JPY", "KWD", "MGA", "ISK", "IQD"])


@pytest.mark.parametrize(
    ("amount", "available", "has_card", "divided"),
    [
        (10000, 10000, False, (10000, 0)),
        (10000, 20000, True, (10000, 0)),
        (10000, 0, True, (0, 10000)),
        (10000, 3000, True, (3000, 7000)),
        (10000, 9999, True, (9950, 50)),
        (10000, 9950, True, (9950, 50)),
        (40, 39, True, (0, 40)),
        (10000, 9999, False, None),
    ],
)
def test_the_wallet_comes_first_and_the_card_has_a_minimum(amount, available, has_card, divided):
    assert legs.divide(amount, available=available, currency="USD", has_card=has_card) == divided


@settings(deadline=None, max_examples=100)
@given(AMOUNT, st.integers(0, 10**12), CURRENCY)
def test_legs_sum_to_the_amount(amount, available, currency):
    divided = legs.divide(amount, available=available, currency=currency, has_card=True)

    assert divided is None or sum(divided) == amount


@settings(deadline=None, max_examples=100)
@given(AMOUNT, st.integers(0, 10**12), CURRENCY)
def test_the_wallet_leg_is_never_more_than_available(amount, available, currency):
    divided = legs.divide(amount, available=available, currency=currency, has_card=True)

    assert divided is None or 0 <= divided.wallet <= available


@settings(deadline=None, max_examples=100)
@given(st.integers(1, card_money.maximum("USD")), st.integers(0, 10**12))
def test_a_card_covers_every_amount_of_a_two_decimal_currency(amount, available):
    assert legs.divide(amount, available=available, currency="USD", has_card=True)


@settings(deadline=None, max_examples=100)
@given(AMOUNT, st.integers(0, 10**12), CURRENCY)
def test_a_card_leg_is_one_that_a_card_can_pay(amount, available, currency):
    divided = legs.divide(amount, available=available, currency=currency, has_card=True)

    if divided and divided.card:
        assert card_money.is_supported(currency)
        assert divided.card % card_money.step(currency) == 0
        assert divided.card <= card_money.maximum(currency)


@settings(deadline=None, max_examples=100)
@given(AMOUNT, st.integers(0, 10**12), CURRENCY)
def test_a_reason_is_given_exactly_when_a_card_cannot_pay_the_rest(amount, available, currency):
    divided = legs.divide(amount, available=available, currency=currency, has_card=True)

    why = legs.no_card_leg(amount, available=available, currency=currency)
    assert (divided is None) == (why is not None and available < amount)


def test_a_three_decimal_card_leg_ends_in_zero_and_the_wallet_pays_the_less():
    assert legs.divide(5000, available=5, currency="KWD", has_card=True) == (0, 5000)
    assert legs.divide(5005, available=12, currency="KWD", has_card=True) == (5, 5000)


def test_a_three_decimal_amount_that_no_step_reaches_is_not_covered():
    assert legs.divide(5005, available=0, currency="KWD", has_card=True) is None


@pytest.mark.parametrize(
    ("amount", "available", "currency", "why"),
    [
        (5000, 4999, "IQD", "card_currency_unsupported"),
        (5005, 4, "KWD", "card_amount_unsupported"),
        (150, 49, "MGA", "card_amount_unsupported"),
        (10**10 + 1, 1, "ISK", "amount_too_large"),
        (10**10 + 1, 2, "ISK", None),
        (150, 50, "MGA", None),
    ],
)
def test_why_a_card_cannot_pay_the_rest(amount, available, currency, why):
    assert legs.no_card_leg(amount, available=available, currency=currency) == why
