"""Stripe's test cards and what each of them does. https://docs.stripe.com/testing"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Decline:
    """Why an issuer refuses; `code` differs from `decline_code` for some reasons only."""

    message: str
    decline_code: str
    code: str = "card_declined"
    advice_code: str = "try_again_later"


DECLINED = "Your card was declined."
AUTHENTICATION_REQUIRED = Decline(
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
    "authentication_required",
    "confirm_card_data",
)


@dataclass(frozen=True)
class Card:
    """A test card. One that declines and cannot be attached fails Stripe's check at attaching."""

    last4: str
    brand: str = "visa"
    funding: str = "credit"
    decline: Decline | None = None
    attaches: bool = True
    authentication: Literal["", "always", "until_set_up"] = ""
    disputes: Literal["", "chargeback", "inquiry"] = ""
    refunds: Literal["succeed", "pend", "fail_later"] = "succeed"


def _declining(last4: str, *decline: str) -> Card:
    return Card(last4, decline=Decline(*decline), attaches=False)


CARDS = {
    "visa": Card("4242"),
    "visa_debit": Card("5556", funding="debit"),
    "mastercard": Card("4444", "mastercard"),
    "mastercard_debit": Card("3222", "mastercard", "debit"),
    "mastercard_prepaid": Card("5100", "mastercard", "prepaid"),
    "amex": Card("0005", "amex"),
    "discover": Card("1117", "discover"),
    "diners": Card("0004", "diners"),
    "jcb": Card("0505", "jcb"),
    "unionpay": Card("0005", "unionpay"),
    "chargeDeclined": _declining("0002", DECLINED, "generic_decline"),
    "chargeDeclinedInsufficientFunds": _declining(
        "9995", "Your card has insufficient funds.", "insufficient_funds"
    ),
    "chargeDeclinedLostCard": _declining(
        "9987", DECLINED, "lost_card", "card_declined", "do_not_try_again"
    ),
    "chargeDeclinedStolenCard": _declining(
        "9979", DECLINED, "stolen_card", "card_declined", "do_not_try_again"
    ),
    "chargeDeclinedExpiredCard": _declining(
        "0069", "Your card has expired.", "expired_card", "expired_card", "confirm_card_data"
    ),
    "chargeDeclinedIncorrectCvc": _declining(
        "0127",
        "Your card's security code is incorrect.",
        "incorrect_cvc",
        "incorrect_cvc",
        "confirm_card_data",
    ),
    "chargeDeclinedProcessingError": _declining(
        "0119",
        "An error occurred while processing your card. Try again in a little bit.",
        "processing_error",
        "processing_error",
    ),
    "chargeDeclinedVelocityLimitExceeded": _declining(
        "6975",
        "Your card was declined for making repeated attempts too frequently or exceeding its "
        "amount limit.",
        "card_velocity_exceeded",
    ),
    "chargeCustomerFail": Card("0341", decline=Decline(DECLINED, "generic_decline")),
    "authenticationRequired": Card("3184", authentication="always"),
    "authenticationRequiredOnSetup": Card("3155", authentication="until_set_up"),
    "createDispute": Card("0259", disputes="chargeback"),
    "createDisputeInquiry": Card("1976", disputes="inquiry"),
    "refundFail": Card("5126", refunds="fail_later"),
    "pendingRefund": Card("7726", refunds="pend"),
}


def named(test_name: str) -> str | None:
    """The key in CARDS for `pm_card_x`, `pm_card_visa_x` or `tok_x`; None if it is no test name."""
    for prefix in ("pm_card_", "tok_"):
        if test_name.startswith(prefix):
            name = test_name.removeprefix(prefix)
            return next((n for n in (name, name.removeprefix("visa_")) if n in CARDS), None)
    return None
