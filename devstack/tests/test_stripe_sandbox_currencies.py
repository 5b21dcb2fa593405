"""Amounts per currency, by the words of https://docs.stripe.com/currencies."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox import money
from devstack.tests.cards import CARD_ONLY

NOT_WHOLE = "invalid_charge_amount_no_decimal_compatible"


def pay(api: stripe.V1Services, amount: int, currency: str) -> stripe.PaymentIntent:
    params: Any = {"amount": amount, "currency": currency, "confirm": True}
    params |= {"payment_method": "pm_card_visa", "automatic_payment_methods": CARD_ONLY}
    return api.payment_intents.create(params)


@pytest.mark.parametrize(
    ("amount", "currency", "whole"),
    [
        (1099, "usd", "10.99"), (500, "jpy", "500"), (5120, "kwd", "5.120"), (500, "isk", "5.00"),
        (500, "ugx", "5.00"), (500, "mga", "500"), (1045, "huf", "10.45"), (9900, "twd", "99.00"),
    ],
)  # fmt: skip
def test_an_amount_is_worth_what_the_page_says(amount: int, currency: str, whole: str) -> None:
    assert money.major(amount, currency) == whole


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (550, "isk", NOT_WHOLE), (99, "ugx", NOT_WHOLE), (5124, "kwd", None), (5001, "tnd", None),
        (49, "krw", "amount_too_small"), (49, "zar", "amount_too_small"),
        (1_000_000_000, "inr", "amount_too_large"), (10_000_000_000, "jpy", "amount_too_large"),
        (100_000_000, "eur", "amount_too_large"),
    ],
)  # fmt: skip
def test_an_amount_that_cards_do_not_take_is_refused(
    api: stripe.V1Services, amount: int, currency: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(api, amount, currency)

    assert (refused.value.code, refused.value.param) == (code, "amount")


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (500, "isk"), (5120, "kwd"), (17545, "huf"), (50, "krw"), (999_999_999, "inr"),
        (9_999_999_999, "jpy"), (999_999_999_999, "idr"),
    ],
)  # fmt: skip
def test_an_amount_at_the_edge_is_collected(
    api: stripe.V1Services, amount: int, currency: str
) -> None:
    assert pay(api, amount, currency).amount_received == amount


@pytest.mark.parametrize(
    ("amount", "part", "currency", "code"),
    [(1000, 150, "isk", NOT_WHOLE), (1000, 50, "ugx", NOT_WHOLE), (1000, 15, "kwd", None)],
)
def test_a_refund_of_a_fraction_is_refused(
    api: stripe.V1Services, amount: int, part: int, currency: str, code: str | None
) -> None:
    intent = pay(api, amount, currency)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": intent.id, "amount": part})

    assert (refused.value.code, refused.value.param) == (code, "amount")
