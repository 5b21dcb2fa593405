"""What a failure means and whether the card may be asked again: the one table. Pure.

Codes are Stripe's (docs.stripe.com/declines/codes, docs.stripe.com/error-codes), and ours for what
never reached it. `advice_code` is the network's word on retrying, passed on by Stripe
(docs.stripe.com/declines/card#retrying-issuer-declines).
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Category(StrEnum):
    SOFT = "soft"
    HARD = "hard"
    AUTHENTICATION = "authentication"
    OURS = "ours"
    UNKNOWN = "unknown"


MEANING = {
    Category.SOFT: "The same card may work later: it is tried again on the schedule.",
    Category.HARD: "This card will not work: it is not asked again until the customer renews it "
    "or saves another one. The wallet is still tried.",
    Category.AUTHENTICATION: "The cardholder must authenticate on your page, or was asked to and "
    "did not.",
    Category.OURS: "The request was wrong, not the card: asking again changes nothing until it is "
    "mended.",
    Category.UNKNOWN: "The processor gave a reason that this table does not know: treated as soft.",
}


class Failure(NamedTuple):
    """Why a charge or refund failed: codes as in CODES, a message for the partner."""

    code: str
    message: str
    decline_code: str = ""
    advice_code: str = ""


NO_FAILURE = Failure("", "")


class Known(NamedTuple):
    category: Category
    meaning: str


def _of(category: Category, **meanings: str) -> dict[str, Known]:
    return {code: Known(category, meaning) for code, meaning in meanings.items()}


CODES: dict[str, Known] = {
    **_of(
        Category.SOFT,
        approve_with_id="The payment could not be authorised.",
        card_attempts_exceeded="The card was declined as often as card networks allow: 10 times in "
        "24 hours, 15 in 30 days. It is asked again when the time is over.",
        call_issuer="The issuer wants its customer to call.",
        card_declined="The issuer gave no reason.",
        card_velocity_exceeded="Too many payments, or too much money, in too short a time.",
        do_not_honor="The issuer gave no reason.",
        duplicate_transaction="The issuer saw the same amount on the same card a moment ago.",
        generic_decline="The issuer gave no reason.",
        insufficient_funds="Neither wallet nor card has the money.",
        issuer_not_available="The issuer could not be reached.",
        no_action_taken="The issuer gave no reason.",
        not_permitted="The issuer does not permit this payment.",
        processing_error="The card could not be processed just now.",
        reenter_transaction="The issuer could not process it; it asks to be asked again.",
        service_not_allowed="The issuer gave no reason.",
        transaction_not_allowed="The issuer gave no reason.",
        try_again_later="The issuer asks to be asked later.",
        withdrawal_count_limit_exceeded="The card's limit is reached.",
    ),
    **_of(
        Category.HARD,
        card_removed="The card was removed before it was asked.",
        card_stopped="A hard decline of another charge had stopped the card.",
        card_not_supported="The card does not support this kind of purchase.",
        currency_not_supported="The card does not support the currency.",
        do_not_try_again="The issuer asks not to be asked again.",
        expired_card="The card has expired.",
        fraudulent="The processor suspects fraud.",
        incorrect_cvc="The card was saved with a wrong security code.",
        incorrect_number="The card's number is wrong.",
        invalid_account="The card, or the account behind it, is invalid.",
        invalid_cvc="The card was saved with a wrong security code.",
        invalid_expiry_month="The card was saved with a wrong expiry month.",
        invalid_expiry_year="The card was saved with a wrong expiry year.",
        invalid_number="The card's number is wrong.",
        lost_card="The card was reported lost.",
        merchant_blacklist="The card is on the account's block list.",
        new_account_information_available="The card was replaced by another one.",
        pickup_card="The card cannot be used; it may have been reported lost or stolen.",
        restricted_card="The card cannot be used; it may have been reported lost or stolen.",
        revocation_of_all_authorizations="The cardholder withdrew every standing consent.",
        revocation_of_authorization="The cardholder withdrew the consent to be charged.",
        security_violation="The issuer gave no reason.",
        stolen_card="The card was reported stolen.",
        stop_payment_order="The cardholder stopped this payment.",
    ),
    **_of(
        Category.AUTHENTICATION,
        authentication_expired="The cardholder did not authenticate in time.",
        authentication_not_handled="The cardholder was not asked to authenticate.",
        authentication_required="The issuer wants the cardholder to authenticate.",
        mobile_device_authentication_required="The issuer wants the cardholder to authenticate.",
        payment_intent_authentication_failure="The cardholder failed to authenticate.",
    ),
    **_of(
        Category.OURS,
        amount_too_large="More than the processor takes at once.",
        amount_too_small="Less than the processor takes.",
        canceled="The payment was canceled at the processor.",
        card_amount_unsupported="No card can pay exactly this amount of the currency, and no "
        "wallet covers what is between.",
        card_currency_unsupported="The processor takes no cards in this currency, and no wallet "
        "covers the amount.",
        invalid_amount="The issuer does not accept the amount.",
        invalid_charge_amount_no_decimal_compatible="Cards take whole units of the currency.",
        invalid_request="The processor did not accept the request.",
        parameter_invalid_integer="The processor did not accept the request.",
        payment_method_unexpected_state="The card was used once without being saved, or removed.",
        resolved_by_staff="Staff decided, on evidence, that nothing was collected.",
        resource_missing="The processor does not know this payment method.",
        testmode_decline="A test card was used with real money.",
    ),
}
ADVISED_AGAINST = "do_not_try_again"
REMOVED, STOPPED = "card_removed", "card_stopped"
SPARED = {REMOVED, STOPPED, "card_attempts_exceeded"}
"""Codes of charges that claimed a card and then did not ask it."""
LOST = {"payment_method_unexpected_state", "resource_missing"}
"""What the processor says of a card that it does not have any more."""
UNLISTED = Known(Category.UNKNOWN, "A reason that this table does not know.")


def classify(code: str, decline_code: str = "", advice_code: str = "") -> Known:
    """What is known of a failure: the decline code says more than the code, and the network's
    advice not to try again makes a soft decline hard.
    """
    known = CODES.get(decline_code) or CODES.get(code) or UNLISTED
    is_soft = known.category in (Category.SOFT, Category.UNKNOWN)
    if advice_code == ADVISED_AGAINST and is_soft:
        return Known(Category.HARD, f"{known.meaning} The network advises not to try again.")
    return known


def stops_card(code: str, decline_code: str = "", advice_code: str = "") -> bool:
    """Whether the card must not be asked again before it is renewed or another one is saved."""
    return classify(code, decline_code, advice_code).category is Category.HARD
