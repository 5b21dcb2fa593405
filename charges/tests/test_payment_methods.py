from __future__ import annotations

from uuid import uuid4

import pytest

from charges.gateway.client import client
from charges.models import PaymentMethod, ProcessorCustomer
from charges.tests.steps import CARD, charge, charged, end_of, paid
from partners import services as partners


def attach(api, payment_method=CARD, customer_id="ada", **fields):
    body = {"customer_id": customer_id, "payment_method": payment_method, **fields}
    return api.post("/payment-methods", body)


def listed(api, customer_id="ada"):
    return api.get("/payment-methods", customer_id=customer_id).json()["results"]


def test_an_attached_card_shows_what_may_be_shown(api, sandbox):
    answer = attach(api)

    shown = answer.json()
    assert answer.status_code == 201
    assert list(shown) == [
        "id", "customer_id", "payment_method", "brand", "last4", "exp_month", "exp_year", "default",
        "created_at",
    ]  # fmt: skip
    assert (shown["brand"], shown["last4"], shown["default"]) == ("visa", "4242", True)


def test_the_list_is_of_the_customer_asked_for(api, sandbox):
    saved = attach(api).json()
    attach(api, customer_id="bob")

    assert listed(api) == [saved]


@pytest.mark.parametrize("query", [{}, {"customer_id": ""}, {"customer_id": "a b"}])
def test_the_list_asks_whose(api, query):
    assert api.get("/payment-methods", **query).status_code == 400


def test_the_list_shows_no_card_of_another_partner(api, make_api, sandbox, now):
    attach(api)
    other = make_api(partners.create_partner(name="Other", now=now))

    assert listed(other) == []


def test_the_latest_default_takes_the_place_of_the_one_before(api, sandbox):
    attach(api)
    attach(api, "pm_card_mastercard")

    assert [(card["brand"], card["default"]) for card in listed(api)] == [
        ("mastercard", True),
        ("visa", False),
    ]


def test_a_card_that_is_no_default_leaves_the_default(api, sandbox):
    attach(api)
    attach(api, "pm_card_mastercard", default=False)

    assert [card["default"] for card in listed(api)] == [False, True]


def test_a_customers_cards_hang_on_one_stripe_customer(api, sandbox):
    attach(api)
    attach(api, "pm_card_mastercard")

    assert ProcessorCustomer.objects.count() == 1
    assert len(set(PaymentMethod.objects.values_list("external_customer_id", flat=True))) == 1


def test_attaching_a_saved_card_again_changes_no_more(api, sandbox):
    saved = attach(api).json()

    again = attach(api, saved["payment_method"])

    assert (again.status_code, again.json()) == (201, saved)
    assert len(listed(api)) == 1


@pytest.mark.parametrize("action", ["drop_after", "error_500_after"])
def test_a_card_whose_attach_answer_was_lost_is_saved_by_the_retry(api, sandbox, action):
    params = {"type": "card", "card": {"token": "tok_visa"}}
    method = client().v1.payment_methods.create(params=params).id
    sandbox.fault(action, path="/attach")
    attach(api, method)

    assert attach(api, method).status_code == 201
    assert [card["payment_method"] for card in listed(api)] == [method]


def test_the_default_card_pays_what_the_wallet_does_not(api, poor_ada, sandbox):
    attach(api)

    shown = charged(api, "100.00")

    assert shown["payment_method"] == "wallet+external"
    assert end_of(shown["id"]) == paid(7000)


def test_a_saved_card_pays_more_than_once(api, sandbox):
    attach(api)

    assert [charged(api, "10.00")["status"] for _ in range(2)] == ["succeeded"] * 2


def test_the_default_card_is_not_asked_when_the_wallet_covers(api, ada, sandbox):
    attach(api)

    assert charged(api, "100.00")["payment_method"] == "wallet"


def test_a_card_that_is_no_default_pays_only_when_named(api, sandbox):
    saved = attach(api, default=False).json()

    assert charged(api, "5.00")["failure"]["code"] == "insufficient_funds"
    named = charged(api, "5.00", payment_method=saved["payment_method"])
    assert named["status"] == "succeeded"


def test_a_deleted_card_is_gone_and_pays_no_more(api, sandbox):
    saved = attach(api).json()

    assert api.delete(f"/payment-methods/{saved['id']}").status_code == 204

    assert listed(api) == []
    assert charged(api, "5.00")["failure"]["code"] == "insufficient_funds"


def test_a_deleted_card_cannot_be_named(api, sandbox):
    saved = attach(api).json()
    api.delete(f"/payment-methods/{saved['id']}")

    answer = charge(api, "5.00", payment_method=saved["payment_method"])

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


def test_deleting_a_card_twice_is_success(api, sandbox):
    saved = attach(api).json()
    api.delete(f"/payment-methods/{saved['id']}")

    assert api.delete(f"/payment-methods/{saved['id']}").status_code == 204


def test_another_partners_card_cannot_be_deleted(api, make_api, sandbox, now):
    saved = attach(api).json()
    other = make_api(partners.create_partner(name="Other", now=now))

    assert other.delete(f"/payment-methods/{saved['id']}").status_code == 404
    assert listed(api) == [saved]


def test_an_unknown_card_cannot_be_deleted(api):
    assert api.delete(f"/payment-methods/{uuid4()}").status_code == 404


def test_a_card_of_another_customer_is_refused(api, ada, sandbox):
    saved = attach(api, customer_id="bob").json()

    answer = charge(api, "500.00", payment_method=saved["payment_method"])

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


def test_a_card_of_another_partners_customer_is_refused(api, make_api, sandbox, now):
    saved = attach(api).json()
    other = make_api(partners.create_partner(name="Other", now=now))

    answer = charge(other, "5.00", payment_method=saved["payment_method"])

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


def test_a_card_of_another_customer_cannot_be_attached(api, sandbox):
    saved = attach(api, customer_id="bob").json()

    answer = attach(api, saved["payment_method"])

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


def test_a_card_that_declines_is_not_saved(api, sandbox):
    answer = attach(api, "pm_card_chargeDeclined")

    assert (answer.status_code, answer.json()["code"]) == (422, "payment_method_declined")
    assert listed(api) == []


def test_an_unknown_card_is_not_saved(api, sandbox):
    answer = attach(api, "pm_nothing")

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


@pytest.mark.parametrize("payment_method", ["", "card_1", "pm_", 5, "pm_é", "pm_a b", None])
def test_what_is_no_payment_method_id_is_refused(api, payment_method):
    assert attach(api, payment_method).status_code == 400


@pytest.mark.parametrize("action", ["drop_before", "error_500_before", "rate_limit_429", "garbage"])
def test_a_processor_that_is_away_is_503_and_may_be_asked_again(api, sandbox, action):
    sandbox.fault(action, path="/attach")

    answer = attach(api)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"]
    assert attach(api).status_code == 201
