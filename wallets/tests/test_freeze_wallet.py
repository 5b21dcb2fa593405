from __future__ import annotations

import pytest

from partners import services as partners
from wallets.tests.steps import wallet_of

FROZEN = {"is_active": False}


def test_a_wallet_is_frozen_and_thawed(api, ada):
    assert api.patch("/wallets/ada", FROZEN).json()["is_active"] is False
    assert api.patch("/wallets/ada", {"is_active": True}).json()["is_active"] is True


def test_freezing_twice_is_success(api, ada):
    api.patch("/wallets/ada", FROZEN)

    assert api.patch("/wallets/ada", FROZEN).status_code == 200


def test_a_frozen_wallet_takes_no_debit(api, ada):
    api.patch("/wallets/ada", FROZEN)

    answer = api.post("/wallets/ada/debit", {"amount": "1.00"})

    assert (answer.status_code, answer.json()["code"]) == (422, "wallet_inactive")
    assert wallet_of(api, "ada")["balance"] == "100.00"


def test_a_frozen_wallet_still_takes_credits(api, ada):
    api.patch("/wallets/ada", FROZEN)

    assert api.post("/wallets/ada/credit", {"amount": "1.00"}).status_code == 201


def test_freezing_touches_updated_at_alone(api, ada):
    changed = api.patch("/wallets/ada", FROZEN).json()

    assert changed["updated_at"] > ada["updated_at"]
    assert changed | {"updated_at": 0, "is_active": True} == ada | {"updated_at": 0}


@pytest.mark.parametrize("is_active", ["false", 0, None])
def test_only_a_json_boolean_freezes(api, ada, is_active):
    assert api.patch("/wallets/ada", {"is_active": is_active}).status_code == 400


@pytest.mark.parametrize("body", [{}, {"balance": "5.00"}, {"is_active": True, "held": "0"}])
def test_other_fields_cannot_be_changed(api, ada, body):
    assert api.patch("/wallets/ada", body).status_code == 400


def test_another_partners_wallet_cannot_be_frozen(api, ada, make_api, now):
    other = make_api(partners.create_partner(name="Other", now=now))

    assert other.patch("/wallets/ada", FROZEN).status_code == 404
    assert wallet_of(api, "ada")["is_active"] is True
