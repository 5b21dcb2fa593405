"""Payment intents: success, declines, 3-D Secure, states, with the real SDK over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox
from devstack.tests.cards import CARD_ONLY

DECLINES = [
    ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
    ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
    ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card"),
    ("pm_card_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ("pm_card_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
    ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
]


def intent_for(api: stripe.V1Services, card: str | None = None, **more: Any) -> Any:
    params: Any = {"amount": 1000, "currency": "usd", "automatic_payment_methods": CARD_ONLY}
    if card:
        params["payment_method"] = card
    params |= more
    return api.payment_intents.create(params)


def test_an_intent_is_created_and_confirmed_in_two_steps(api: stripe.V1Services) -> None:
    created = intent_for(api, description="Order 7", metadata={"charge": "c1"})
    confirmed = api.payment_intents.confirm(
        created.id, {"payment_method": "pm_card_visa", "off_session": True}
    )

    assert created.status == "requires_payment_method"
    assert created.amount_received == 0
    assert confirmed.status == "succeeded"
    assert confirmed.amount_received == 1000
    assert confirmed.description == "Order 7"
    assert confirmed.to_dict()["metadata"] == {"charge": "c1"}
    assert str(confirmed.client_secret).startswith(f"{confirmed.id}_secret_")


def test_an_intent_with_a_method_waits_for_its_confirmation(api: stripe.V1Services) -> None:
    assert intent_for(api, "pm_card_visa").status == "requires_confirmation"


def test_confirming_at_creation_leaves_a_charge_that_can_be_read(api: stripe.V1Services) -> None:
    intent = intent_for(api, "pm_card_mastercard", confirm=True)

    charge = api.charges.retrieve(intent.latest_charge)
    listed = api.charges.list({"payment_intent": intent.id})

    assert charge.paid
    assert charge.amount_captured == 1000
    assert charge.payment_intent == intent.id
    card: Any = charge.payment_method_details
    assert (card.card.brand, card.card.last4) == ("mastercard", "4444")
    assert [found.id for found in listed.data] == [charge.id]


@pytest.mark.parametrize(("card", "code", "decline_code"), DECLINES)
def test_a_decline_carries_its_codes_and_the_intent(
    api: stripe.V1Services, card: str, code: str, decline_code: str
) -> None:
    intent = intent_for(api)

    with pytest.raises(stripe.CardError) as refused:
        api.payment_intents.confirm(intent.id, {"payment_method": card})

    error: Any = refused.value.error
    after = api.payment_intents.retrieve(intent.id)
    last: Any = after.last_payment_error
    assert refused.value.http_status == 402
    assert (error.type, error.code, error.decline_code) == ("card_error", code, decline_code)
    assert error.payment_intent.id == intent.id
    assert error.payment_intent.status == after.status == "requires_payment_method"
    assert after.payment_method is None
    assert (last.code, last.decline_code, last.charge) == (code, decline_code, after.latest_charge)
    assert error.charge == after.latest_charge
    assert api.charges.retrieve(str(after.latest_charge)).status == "failed"


def test_a_declined_intent_succeeds_with_another_card(api: stripe.V1Services) -> None:
    intent = intent_for(api)
    with pytest.raises(stripe.CardError):
        api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})

    paid = api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert paid.status == "succeeded"
    assert paid.last_payment_error is None


def test_a_decline_at_creation_leaves_the_intent(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.CardError) as refused:
        intent_for(api, "pm_card_chargeDeclined", confirm=True)

    error: Any = refused.value.error
    kept = api.payment_intents.retrieve(error.payment_intent.id)
    assert kept.status == "requires_payment_method"


def test_authentication_off_session_is_a_decline(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.CardError) as refused:
        intent_for(api, "pm_card_authenticationRequired", confirm=True, off_session=True)

    error: Any = refused.value.error
    assert error.code == error.decline_code == "authentication_required"
    assert error.payment_intent.status == "requires_payment_method"


def test_authentication_on_session_waits_and_then_succeeds(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    waiting = intent_for(
        api, "pm_card_authenticationRequired", confirm=True, return_url="https://shop.example/back"
    )
    action: Any = waiting.next_action

    done = sandbox.authenticate(waiting.id, "succeed")

    assert waiting.status == "requires_action"
    assert waiting.latest_charge is None
    assert action.redirect_to_url.return_url == "https://shop.example/back"
    assert done["status"] == "succeeded"
    assert api.payment_intents.retrieve(waiting.id).amount_received == 1000


def test_a_failed_authentication_asks_for_another_method(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    waiting = intent_for(api, "pm_card_authenticationRequired", confirm=True)

    sandbox.authenticate(waiting.id, "fail")

    failed = api.payment_intents.retrieve(waiting.id)
    last: Any = failed.last_payment_error
    assert failed.status == "requires_payment_method"
    assert last.code == "payment_intent_authentication_failure"


def test_a_succeeded_intent_cannot_be_confirmed_again(api: stripe.V1Services) -> None:
    intent = intent_for(api, "pm_card_visa", confirm=True)

    with pytest.raises(stripe.InvalidRequestError, match="has already succeeded") as refused:
        api.payment_intents.confirm(intent.id)

    error: Any = refused.value.error
    assert refused.value.code == "payment_intent_unexpected_state"
    assert error.payment_intent.status == "succeeded"
    assert len(api.charges.list({"payment_intent": intent.id}).data) == 1


def test_an_intent_is_canceled_once(api: stripe.V1Services) -> None:
    intent = intent_for(api)

    canceled = api.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    for refused in (api.payment_intents.cancel, api.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
            refused(intent.id)


def test_a_succeeded_intent_is_not_canceled(api: stripe.V1Services) -> None:
    intent = intent_for(api, "pm_card_visa", confirm=True)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.cancel(intent.id)

    assert refused.value.code == "payment_intent_unexpected_state"
    assert api.payment_intents.retrieve(intent.id).status == "succeeded"


def test_metadata_is_merged_and_an_empty_value_removes_a_key(api: stripe.V1Services) -> None:
    intent = intent_for(api, metadata={"a": "1", "b": "2"})

    changed = api.payment_intents.update(
        intent.id, {"metadata": {"b": "", "c": "3"}, "description": "later"}
    )

    assert changed.to_dict()["metadata"] == {"a": "1", "c": "3"}
    assert changed.description == "later"


def test_the_amount_of_a_succeeded_intent_is_fixed(api: stripe.V1Services) -> None:
    intent = intent_for(api, "pm_card_visa", confirm=True)

    with pytest.raises(stripe.InvalidRequestError, match="could not be updated"):
        api.payment_intents.update(intent.id, {"amount": 2000})


def test_charge_and_method_are_expanded_on_request(api: stripe.V1Services) -> None:
    intent: Any = intent_for(
        api, "pm_card_amex", confirm=True, expand=["latest_charge", "payment_method"]
    )
    listed: Any = api.payment_intents.list({"limit": 1, "expand": ["data.latest_charge"]})

    assert intent.latest_charge.status == "succeeded"
    assert intent.payment_method.card.brand == "amex"
    assert listed.data[0].latest_charge.id == intent.latest_charge.id


def test_an_intent_that_may_redirect_needs_a_return_url(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.create(
            {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
        )

    assert refused.value.param == "return_url"


def test_the_summary_counts_intents_and_money(sandbox: Sandbox, api: stripe.V1Services) -> None:
    before = sandbox.summary()["succeeded_amount"].get("gbp", 0)

    intent_for(api, "pm_card_visa", confirm=True, currency="gbp", amount=250)
    intent_for(api, currency="gbp", amount=900)

    assert sandbox.summary()["succeeded_amount"]["gbp"] == before + 250
