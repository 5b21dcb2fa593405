"""Cards that are saved on the partner's page, renewed and removed by their issuers."""

from __future__ import annotations

import pytest

from charges.gateway.client import client
from charges.models import PaymentMethod, ProcessorCustomer, ProcessorEvent
from charges.tests.steps import charge, charged, hear
from partners import services as partners


def set_up(api, **fields):
    return api.post("/payment-methods/setup", {"customer_id": "ada", **fields})


def confirm(setup, card="pm_card_visa"):
    client().v1.setup_intents.confirm(setup["setup_intent"], params={"payment_method": card})


def listed(api):
    return api.get("/payment-methods", customer_id="ada").json()["results"]


@pytest.fixture
def saved(api, sandbox):
    body = {"customer_id": "ada", "payment_method": "pm_card_visa"}
    return api.post("/payment-methods", body).json()


def test_a_setup_gives_the_client_secret_for_the_partners_page(api, sandbox):
    answer = set_up(api)

    shown = answer.json()
    assert answer.status_code == 201
    assert list(shown) == ["setup_intent", "customer_id", "client_secret", "status"]
    assert shown["client_secret"].startswith(shown["setup_intent"])


def test_a_setup_moves_and_saves_nothing_by_itself(api, sandbox):
    set_up(api)

    assert listed(api) == []
    assert ProcessorCustomer.objects.count() == 1


def test_the_card_is_on_file_when_stripe_tells(api, sandbox, now):
    setup = set_up(api).json()
    confirm(setup)

    hear("setup_intent.succeeded", setup["setup_intent"], now)

    (card,) = listed(api)
    assert (card["brand"], card["last4"], card["default"]) == ("visa", "4242", True)
    assert charged(api, "5.00")["status"] == "succeeded"


def test_a_setup_may_save_a_card_that_is_no_default(api, saved, now):
    setup = set_up(api, default=False).json()
    confirm(setup, "pm_card_mastercard")

    hear("setup_intent.succeeded", setup["setup_intent"], now)

    assert {card["brand"]: card["default"] for card in listed(api)} == {
        "visa": True,
        "mastercard": False,
    }


def test_a_setup_that_did_not_end_well_saves_nothing(api, sandbox, now):
    setup = set_up(api).json()

    hear("setup_intent.succeeded", setup["setup_intent"], now)

    assert listed(api) == []


def test_two_setups_hang_on_one_stripe_customer(api, sandbox):
    set_up(api)
    set_up(api)

    assert ProcessorCustomer.objects.count() == 1


def test_a_setup_of_somebody_else_saves_nothing(api, saved, now):
    mine = ProcessorCustomer.objects.get()
    params = {
        "customer": mine.external_id,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {"partner_id": "another", "customer_id": "ada"},
    }
    setup = client().v1.setup_intents.create(params=params)
    confirm({"setup_intent": setup.id}, "pm_card_mastercard")

    hear("setup_intent.succeeded", setup.id, now)

    assert len(listed(api)) == 1


@pytest.mark.parametrize("action", ["drop_before", "error_500_before", "rate_limit_429"])
def test_a_setup_while_stripe_is_away_is_503(api, sandbox, action):
    sandbox.fault(action, path="/v1/setup_intents")

    assert set_up(api).status_code == 503
    assert set_up(api).status_code == 201


def test_a_setup_needs_a_customer(api):
    assert set_up(api, customer_id="a b").status_code == 400
    assert api.post("/payment-methods/setup", {}).status_code == 400


def test_a_renewed_card_shows_its_new_expiry(api, saved, now):
    client().v1.payment_methods.update(
        saved["payment_method"], params={"card": {"exp_month": 11, "exp_year": 2099}}
    )

    hear("payment_method.automatically_updated", saved["payment_method"], now)

    (card,) = listed(api)
    assert (card["exp_month"], card["exp_year"]) == (11, 2099)


def test_a_card_removed_at_stripe_is_removed_here(api, saved, now):
    client().v1.payment_methods.detach(saved["payment_method"])

    hear("payment_method.detached", saved["payment_method"], now)

    assert listed(api) == []
    answer = charge(api, "5.00", payment_method=saved["payment_method"])
    assert answer.json()["code"] == "unknown_payment_method"


def test_a_removal_keeps_its_first_time(api, saved, now):
    api.delete(f"/payment-methods/{saved['id']}")
    before = PaymentMethod.objects.get().detached_at

    hear("payment_method.detached", saved["payment_method"], now)

    assert PaymentMethod.objects.get().detached_at == before


def test_another_partner_sets_up_its_own_customer(api, make_api, sandbox, now):
    set_up(api)
    set_up(make_api(partners.create_partner(name="Other", now=now)))

    assert ProcessorCustomer.objects.filter(customer_id="ada").count() == 2


def test_a_setup_that_is_told_after_its_card_was_removed_revives_nothing(api, sandbox, now):
    setup = set_up(api).json()
    confirm(setup)
    hear("setup_intent.succeeded", setup["setup_intent"], now)
    (card,) = listed(api)
    api.delete(f"/payment-methods/{card['id']}")

    hear("setup_intent.succeeded", setup["setup_intent"], now)

    assert listed(api) == []
    assert not ProcessorEvent.objects.filter(processed_at=None).exists()
