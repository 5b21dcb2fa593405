"""What a charge shows when its card is refused. Cards: https://docs.stripe.com/testing"""

from __future__ import annotations

import pytest

from charges import declines
from charges.declines import Category
from charges.tests.steps import CARD, NOT_PAID, charged, end_of

DECLINES = [
    ("chargeDeclined", "card_declined", "generic_decline"),
    ("chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("chargeDeclinedLostCard", "card_declined", "lost_card"),
    ("chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    ("chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ("chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ("chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ("chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
    ("chargeCustomerFail", "card_declined", "generic_decline"),
]


@pytest.mark.parametrize(("card", "code", "decline_code"), DECLINES)
def test_a_decline_is_shown_with_its_codes(api, poor_ada, sandbox, card, code, decline_code):
    shown = charged(api, payment_method=f"pm_card_{card}")

    failure = shown["failure"]
    assert (shown["status"], failure["code"], failure["decline_code"]) == (
        "failed",
        code,
        decline_code,
    )
    assert "card" in failure["message"]


def test_an_unknown_card_fails_the_charge(api, poor_ada, sandbox):
    shown = charged(api, payment_method="pm_nothing")

    assert (shown["status"], shown["failure"]["code"]) == ("failed", "resource_missing")
    assert end_of(shown["id"]) == NOT_PAID


def test_an_amount_below_the_processors_minimum_fails_the_charge(api, sandbox):
    shown = charged(api, "0.10", payment_method=CARD)

    assert (shown["status"], shown["failure"]["code"]) == ("failed", "amount_too_small")


@pytest.mark.parametrize(
    ("code", "decline_code", "is_hard"),
    [
        ("card_declined", "lost_card", True),
        ("card_declined", "stolen_card", True),
        ("card_declined", "pickup_card", True),
        ("card_declined", "do_not_try_again", True),
        ("expired_card", "", True),
        ("incorrect_number", "", True),
        ("card_declined", "insufficient_funds", False),
        ("card_declined", "generic_decline", False),
        ("authentication_required", "authentication_required", False),
        ("resource_missing", "", False),
        ("insufficient_funds", "", False),
        ("", "", False),
    ],
)
def test_these_declines_stop_a_card(code, decline_code, is_hard):
    assert declines.stops_card(code, decline_code) is is_hard


def test_the_networks_advice_makes_a_soft_decline_hard():
    assert not declines.stops_card("card_declined", "do_not_honor", "try_again_later")
    assert declines.stops_card("card_declined", "do_not_honor", "do_not_try_again")


def test_advice_does_not_make_authentication_hard():
    known = declines.classify("authentication_required", "", "do_not_try_again")

    assert known.category is Category.AUTHENTICATION


def test_a_decline_code_says_more_than_its_code():
    assert declines.classify("card_declined", "stolen_card").category is Category.HARD


def test_a_code_that_nobody_knows_is_unknown_and_stops_nothing():
    assert declines.classify("brand_new", "never_seen").category is Category.UNKNOWN
    assert not declines.stops_card("brand_new", "never_seen")


@pytest.mark.parametrize(
    ("card", "category"),
    [
        ("chargeDeclined", "soft"),
        ("chargeDeclinedStolenCard", "hard"),
        ("chargeDeclinedExpiredCard", "hard"),
        ("nothing", "ours"),
    ],
)
def test_a_failure_shows_its_category(api, poor_ada, sandbox, card, category):
    assert charged(api, payment_method=f"pm_card_{card}")["failure"]["category"] == category


def test_a_failure_shows_the_networks_advice(api, poor_ada, sandbox):
    failure = charged(api, payment_method="pm_card_chargeDeclinedLostCard")["failure"]

    assert failure["advice_code"] == "do_not_try_again"


def test_every_category_has_a_meaning():
    assert set(declines.MEANING) == set(Category)
