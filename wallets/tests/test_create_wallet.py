from __future__ import annotations

import pytest

from partners import services as partners
from wallets.models import Wallet
from wallets.tests.steps import open_wallet, race


def test_a_new_wallet_is_empty_and_active(api):
    answer = api.post("/wallets", {"customer_id": "ada"})

    shown = answer.json()
    assert answer.status_code == 201
    assert {name: shown[name] for name in ("customer_id", "currency", "is_active")} == {
        "customer_id": "ada",
        "currency": "USD",
        "is_active": True,
    }
    assert [shown[name] for name in ("balance", "held", "available")] == ["0.00"] * 3


def test_a_wallet_shows_what_the_contract_names(api):
    assert list(open_wallet(api, "ada")) == [
        "id", "customer_id", "currency", "balance", "held", "available",
        "receivable", "is_active", "created_at", "updated_at",
    ]  # fmt: skip


def test_a_wallet_has_the_currency_asked_for(api):
    answer = api.post("/wallets", {"customer_id": "ada", "currency": "JPY"})

    assert answer.json()["currency"] == "JPY"
    assert answer.json()["balance"] == "0"


@pytest.mark.parametrize("currency", ["usd", "XXX", "", 840, None, "XAU"])
def test_an_unknown_currency_is_refused(api, currency):
    answer = api.post("/wallets", {"customer_id": "ada", "currency": currency})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "currency"


@pytest.mark.parametrize("currency", ["USD", "EUR"])
def test_a_customer_has_one_wallet(api, currency):
    open_wallet(api, "ada")

    answer = api.post("/wallets", {"customer_id": "ada", "currency": currency})

    assert (answer.status_code, answer.json()["code"]) == (409, "wallet_exists")


def test_another_partner_may_have_a_customer_of_that_name(api, make_api, now):
    open_wallet(api, "ada", "5.00")
    other = make_api(partners.create_partner(name="Other", now=now))

    assert open_wallet(other, "ada")["balance"] == "0.00"


def test_of_eight_at_once_one_opens_the_wallet(api):
    asked = [lambda: api.post("/wallets", {"customer_id": "ada"}).status_code] * 8

    statuses = race(*asked)

    assert sorted(statuses) == [201] + [409] * 7
    assert Wallet.objects.count() == 1


@pytest.mark.parametrize("customer_id", ["", "a b", "a/b", "é", "a" * 65, 5, None, "a\x00"])
def test_a_customer_id_that_is_none_is_refused(api, customer_id):
    answer = api.post("/wallets", {"customer_id": customer_id})

    assert answer.status_code == 400
    assert not Wallet.objects.exists()


def test_a_customer_id_has_up_to_64_characters(api):
    assert api.post("/wallets", {"customer_id": "a" * 64}).status_code == 201


@pytest.mark.parametrize("field", ["balance", "held", "id", "partner", "is_active", "created_at"])
def test_what_the_server_owns_is_refused(api, field):
    answer = api.post("/wallets", {"customer_id": "ada", field: "1"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
