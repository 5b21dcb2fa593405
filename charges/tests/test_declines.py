"""What a charge shows when its card is refused. Cards: https://docs.stripe.com/testing"""

from __future__ import annotations

import pytest

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
