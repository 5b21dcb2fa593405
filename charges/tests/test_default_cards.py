"""Which card is the default: choices in the order in which they were made, and what takes the place
of a card that goes."""

from __future__ import annotations

import pytest

from charges.gateway.client import client
from charges.models import PaymentMethod, ProcessorCustomer
from charges.services import detach_due
from charges.tests.steps import charge, charged, events_of, hear
from partners import services as partners
from wallets.tests.steps import open_wallet

VISA, MASTERCARD = "pm_card_visa", "pm_card_mastercard"


def attach(api, payment_method=VISA, **fields):
    body = {"customer_id": "ada", "payment_method": payment_method, **fields}
    return api.post("/payment-methods", body)


def attached(api, payment_method=VISA, **fields):
    answer = attach(api, payment_method, **fields)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def defaults(api):
    rows = api.get("/payment-methods", customer_id="ada").json()["results"]
    return {row["brand"]: row["default"] for row in rows}


def set_up(api, card, **fields):
    setup = api.post("/payment-methods/setup", {"customer_id": "ada", **fields}).json()
    client().v1.setup_intents.confirm(setup["setup_intent"], params={"payment_method": card})
    return setup["setup_intent"]


def test_a_late_setup_does_not_undo_a_later_choice(api, sandbox, now):
    setup = set_up(api, VISA)
    attached(api, MASTERCARD)

    hear("setup_intent.succeeded", setup, now)

    assert defaults(api) == {"visa": False, "mastercard": True}


def test_two_setups_heard_in_the_wrong_order_end_right(api, sandbox, now):
    first, second = set_up(api, VISA), set_up(api, MASTERCARD)

    hear("setup_intent.succeeded", second, now)
    hear("setup_intent.succeeded", first, now)

    assert defaults(api) == {"visa": False, "mastercard": True}


def test_a_setup_of_no_default_lowers_none(api, sandbox, now):
    setup = set_up(api, VISA, default=False)
    card = client().v1.setup_intents.retrieve(setup).payment_method
    attached(api, card)

    hear("setup_intent.succeeded", setup, now)

    assert defaults(api) == {"visa": True}


def test_a_later_setup_takes_the_place_of_the_default(api, sandbox, now):
    attached(api, VISA)

    hear("setup_intent.succeeded", set_up(api, MASTERCARD), now)

    assert defaults(api) == {"visa": False, "mastercard": True}


@pytest.mark.parametrize("how", ["here", "at stripe"])
def test_the_newest_other_card_follows_a_default_that_is_removed(api, sandbox, now, how):
    attached(api, VISA, default=False)
    attached(api, MASTERCARD, default=False)
    saved = attached(api, "pm_card_amex")
    if how == "here":
        api.delete(f"/payment-methods/{saved['id']}")
    else:
        client().v1.payment_methods.detach(saved["payment_method"])
        hear("payment_method.detached", saved["payment_method"], now)

    assert defaults(api) == {"visa": False, "mastercard": True}


def test_a_default_that_steps_down_leaves_its_place_to_the_newest_other(api, sandbox):
    attached(api, MASTERCARD)
    saved = attached(api, VISA)

    shown = attached(api, saved["payment_method"], default=False)

    assert shown["default"] is False
    assert defaults(api) == {"visa": False, "mastercard": True}


def test_a_default_without_another_card_stays_it(api, sandbox):
    saved = attached(api)

    assert attached(api, saved["payment_method"], default=False)["default"] is True


def test_a_charge_that_finds_cards_but_no_default_says_so(api, sandbox):
    attached(api, default=False)

    assert "none of the customer's saved cards is the default" in charged(api)["failure"]["message"]


@pytest.mark.parametrize("fields", [{"currency": "EUR"}, {"use_wallet": False}])
def test_the_default_card_pays_where_the_wallet_may_not_be_used(api, ada, sandbox, fields):
    attached(api)

    shown = charged(api, "20.00", **fields)

    assert (shown["status"], shown["external_amount"]) == ("succeeded", "20.00")


# Removing --------------------------------------------------------------------------------------


def test_a_removal_is_done_though_stripe_does_not_answer_and_repeated_until_it_does(
    api, sandbox, now
):
    saved = attached(api)
    sandbox.fault("error_500_before", path="/detach", times=2)

    answer = api.delete(f"/payment-methods/{saved['id']}")
    PaymentMethod.objects.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    detach_due()
    PaymentMethod.objects.filter(next_attempt_at__gt=now).update(next_attempt_at=now)
    detach_due()

    assert answer.status_code == 204
    assert PaymentMethod.objects.get().next_attempt_at is None
    assert client().v1.payment_methods.retrieve(saved["payment_method"]).customer is None


def test_a_removal_is_told_once(api, sandbox, now):
    saved = attached(api)

    api.delete(f"/payment-methods/{saved['id']}")
    hear("payment_method.detached", saved["payment_method"], now)
    api.delete(f"/payment-methods/{saved['id']}")

    assert events_of(saved["id"]) == ["payment_method.detached"]


# Stripe's customers ----------------------------------------------------------------------------


def test_a_customer_that_is_gone_at_stripe_is_made_again(api, sandbox):
    attached(api)
    client().v1.customers.delete(ProcessorCustomer.objects.get().external_id)

    saved = attached(api, MASTERCARD)

    assert charged(api, "5.00", payment_method=saved["payment_method"])["status"] == "succeeded"
    assert ProcessorCustomer.objects.filter(is_current=True).count() == 1


def test_a_card_is_set_up_on_a_new_customer_where_the_old_one_is_gone(api, sandbox):
    attached(api)
    client().v1.customers.delete(ProcessorCustomer.objects.get().external_id)

    assert api.post("/payment-methods/setup", {"customer_id": "ada"}).status_code == 201


def test_a_customer_that_stripe_never_had_is_made_again(api, sandbox):
    attached(api)
    ProcessorCustomer.objects.update(external_id="cus_ofAnotherMode")

    assert attach(api, MASTERCARD).status_code == 201


def test_the_cards_of_a_customer_that_is_still_there_stay(api, sandbox, now):
    attached(api)

    hear("customer.deleted", ProcessorCustomer.objects.get().external_id, now)

    assert defaults(api) == {"visa": True}


@pytest.fixture
def before():
    """(customer, card) at Stripe of a business that comes to us."""
    customer = client().v1.customers.create().id
    card = client().v1.payment_methods.attach(VISA, params={"customer": customer}).id
    return customer, card


@pytest.mark.parametrize("has_cards", [False, True])
def test_a_card_that_is_on_a_stripe_customer_already_is_charged(api, sandbox, before, has_cards):
    if has_cards:
        attached(api, MASTERCARD)
    customer, card = before

    attached(api, card, stripe_customer=customer)

    assert charged(api, "5.00")["status"] == "succeeded"
    assert PaymentMethod.objects.get(external_id=card).external_customer_id == customer


def test_a_card_that_is_not_on_the_named_stripe_customer_is_refused(api, sandbox, before):
    other = client().v1.customers.create().id

    answer = attach(api, before[1], stripe_customer=other)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


@pytest.mark.parametrize("whose", ["another customer", "another partner"])
def test_a_stripe_customer_of_somebody_else_is_refused(api, make_api, sandbox, before, now, whose):
    customer, card = before
    attached(api, card, stripe_customer=customer)
    second = client().v1.payment_methods.attach(VISA, params={"customer": customer}).id
    other = make_api(partners.create_partner(name="Other", now=now))
    asking, name = (other, "ada") if whose == "another partner" else (api, "bob")

    body = {"customer_id": name, "payment_method": second, "stripe_customer": customer}
    answer = asking.post("/payment-methods", body)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


def test_a_stripe_customer_that_we_made_for_somebody_is_nobody_elses(api, make_api, sandbox, now):
    saved = attached(api)
    row = PaymentMethod.objects.get()
    customer = row.external_customer_id
    row.delete()
    ProcessorCustomer.objects.all().delete()
    other = make_api(partners.create_partner(name="Other", now=now))

    answer = attach(other, saved["payment_method"], stripe_customer=customer)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


def test_a_card_on_another_stripe_customer_is_no_decline(api, sandbox, before):
    answer = attach(api, before[1])

    assert (answer.status_code, answer.json()["code"]) == (422, "payment_method_unusable")


# Only cards ------------------------------------------------------------------------------------


def test_what_is_no_card_is_refused_before_stripe_attaches_it(api, sandbox):
    answer = attach(api, "pm_usBankAccount_success")

    assert (answer.status_code, answer.json()["code"]) == (422, "payment_method_unusable")
    events = client().v1.events.list(params={"type": "payment_method.attached"}).data
    assert events == []


def test_a_setup_offers_cards_alone(api, sandbox):
    setup = api.post("/payment-methods/setup", {"customer_id": "ada"}).json()["setup_intent"]

    assert client().v1.setup_intents.retrieve(setup).payment_method_types == ["card"]


def test_a_wallet_that_covers_is_used_before_the_default_card(api, sandbox):
    open_wallet(api, "ada", "20.00")
    attached(api)

    answer = charge(api, "20.00")

    assert answer.json()["payment_method"] == "wallet"
