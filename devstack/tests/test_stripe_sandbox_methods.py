"""Customers, payment methods and setup intents."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox
from devstack.tests.cards import CARD_ONLY


def pay(api: stripe.V1Services, card: str, **more: Any) -> stripe.PaymentIntent:
    params: Any = {"amount": 1000, "currency": "usd", "automatic_payment_methods": CARD_ONLY}
    params |= {"payment_method": card, "confirm": True, **more}
    return api.payment_intents.create(params)


def attached(api: stripe.V1Services, card: str, customer: str) -> stripe.PaymentMethod:
    return api.payment_methods.attach(card, {"customer": customer})


def test_a_customer_is_created_changed_and_deleted(api: stripe.V1Services) -> None:
    created = api.customers.create({"email": "a@example.com", "metadata": {"user": "1"}})
    changed = api.customers.update(created.id, {"name": "Ada"})
    api.customers.delete(created.id)

    gone: Any = api.customers.retrieve(created.id)

    assert (changed.email, changed.name) == ("a@example.com", "Ada")
    assert changed.to_dict()["metadata"] == {"user": "1"}
    assert gone.deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        api.customers.update(created.id, {"name": "B"})


def test_customers_are_found_by_email(api: stripe.V1Services) -> None:
    wanted = api.customers.create({"email": "only@example.com"})
    api.customers.create({"email": "other@example.com"})

    found = api.customers.list({"email": "only@example.com"})

    assert [customer.id for customer in found.data] == [wanted.id]


def test_an_attached_test_card_gets_an_id_of_its_own(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id

    method: Any = attached(api, "pm_card_visa", customer)

    assert method.id.startswith("pm_1")
    assert method.customer == customer
    card = method.card
    assert (card.brand, card.last4, card.funding, card.country) == ("visa", "4242", "credit", "US")
    assert card.exp_month == 8
    assert [m.id for m in api.payment_methods.list({"customer": customer}).data] == [method.id]
    assert [m.id for m in api.customers.payment_methods.list(customer).data] == [method.id]


def test_the_same_card_has_the_same_fingerprint(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id

    one: Any = attached(api, "pm_card_visa", customer)
    two: Any = attached(api, "pm_card_visa", customer)

    assert one.id != two.id
    assert one.card.fingerprint == two.card.fingerprint


def test_a_token_makes_a_card(api: stripe.V1Services) -> None:
    method: Any = api.payment_methods.create({"type": "card", "card": {"token": "tok_visa_debit"}})

    assert (method.card.funding, method.customer) == ("debit", None)


def test_card_numbers_are_refused(api: stripe.V1Services) -> None:
    card: Any = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2040}

    with pytest.raises(stripe.CardError, match="generally unsafe"):
        api.payment_methods.create({"type": "card", "card": card})


def test_a_customer_may_begin_with_a_card(api: stripe.V1Services) -> None:
    customer = api.customers.create({"payment_method": "pm_card_visa"}).id

    method = api.payment_methods.list({"customer": customer}).data[0]

    assert method.customer == customer
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        api.customers.create({"payment_method": method.id})


def test_a_card_that_declines_is_not_attached(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id

    with pytest.raises(stripe.CardError):
        attached(api, "pm_card_chargeDeclined", customer)

    assert api.payment_methods.list({"customer": customer}).data == []


def test_a_card_that_fails_later_is_attached_and_then_declined(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    method = attached(api, "pm_card_chargeCustomerFail", customer)

    with pytest.raises(stripe.CardError) as refused:
        pay(api, method.id, customer=customer, off_session=True)

    assert refused.value.code == "card_declined"


def test_an_attached_card_pays_again_and_again(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    method = attached(api, "pm_card_visa", customer)

    for _ in range(2):
        assert pay(api, method.id, customer=customer, off_session=True).status == "succeeded"


def test_an_attached_card_needs_its_customer(api: stripe.V1Services) -> None:
    owner, other = api.customers.create({}).id, api.customers.create({}).id
    method = attached(api, "pm_card_visa", owner)

    with pytest.raises(stripe.InvalidRequestError, match="must provide the customer"):
        pay(api, method.id)
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        pay(api, method.id, customer=other)


def test_a_card_without_customer_pays_once(api: stripe.V1Services) -> None:
    method = api.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    pay(api, method.id)

    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(api, method.id)


def test_a_detached_card_is_over(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    method = attached(api, "pm_card_visa", customer)

    detached = api.payment_methods.detach(method.id)

    assert detached.customer is None
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(api, method.id, customer=customer)
    with pytest.raises(stripe.InvalidRequestError, match="detachment is impossible"):
        api.payment_methods.detach(method.id)


def test_deleting_a_customer_detaches_the_cards(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    method = attached(api, "pm_card_visa", customer)

    api.customers.delete(customer)

    assert api.payment_methods.retrieve(method.id).customer is None
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(api, "pm_card_visa", customer=customer)
    assert (refused.value.code, refused.value.param) == ("resource_missing", "customer")


def test_a_card_is_kept_when_the_payment_asks_for_it(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id

    paid = pay(api, "pm_card_visa", customer=customer, setup_future_usage="off_session")

    assert api.payment_methods.retrieve(str(paid.payment_method)).customer == customer


def test_a_setup_intent_attaches_the_card(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id

    setup = api.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": CARD_ONLY,
        }
    )

    assert api.setup_intents.retrieve(setup.id).status == "succeeded"
    assert api.payment_methods.retrieve(str(setup.payment_method)).customer == customer


def test_a_card_set_up_with_authentication_pays_off_session(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    customer = api.customers.create({}).id
    setup = api.setup_intents.create({"customer": customer, "automatic_payment_methods": CARD_ONLY})
    waiting = api.setup_intents.confirm(
        setup.id, {"payment_method": "pm_card_authenticationRequiredOnSetup"}
    )

    done = sandbox.authenticate(setup.id)

    assert waiting.status == "requires_action"
    assert done["status"] == "succeeded"
    paid = pay(api, done["payment_method"], customer=customer, off_session=True)
    assert paid.status == "succeeded"


def test_the_same_card_without_setup_is_declined_off_session(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.CardError) as refused:
        pay(api, "pm_card_authenticationRequiredOnSetup", off_session=True)

    assert refused.value.code == "authentication_required"


def test_a_failed_setup_tells_why(sandbox: Sandbox, api: stripe.V1Services) -> None:
    setup = api.setup_intents.create({"automatic_payment_methods": CARD_ONLY})

    with pytest.raises(stripe.CardError) as refused:
        api.setup_intents.confirm(setup.id, {"payment_method": "pm_card_chargeDeclined"})

    error: Any = refused.value.error
    assert error.setup_intent.status == "requires_payment_method"
    last: Any = api.setup_intents.retrieve(setup.id).last_setup_error
    assert last.decline_code == "generic_decline"
    assert api.setup_intents.cancel(setup.id).status == "canceled"


def test_a_setup_whose_authentication_fails_needs_another_card(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    waiting = api.setup_intents.create(
        {
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "automatic_payment_methods": CARD_ONLY,
        }
    )

    failed = sandbox.authenticate(waiting.id, "fail")

    assert failed["status"] == "requires_payment_method"
    assert failed["last_setup_error"]["code"] == "setup_intent_authentication_failure"
