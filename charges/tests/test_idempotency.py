from __future__ import annotations

import pytest

from charges.models import Charge
from charges.tests.steps import CARD, DECLINED, charge, end_of, paid, paid_intents
from partners import services as partners
from wallets.tests.steps import open_wallet, race, wallet_of

MIXED = {"amount": "100.00", "payment_method": CARD}


def test_a_repeated_key_gets_the_same_charge_marked_as_replayed(api, poor_ada, sandbox):
    first = charge(api, key="k", **MIXED)
    second = charge(api, key="k", **MIXED)

    assert (second.status_code, second.json()) == (201, first.json())
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")


def test_a_repeated_key_charges_once(api, poor_ada, sandbox):
    shown = charge(api, key="k", **MIXED).json()

    charge(api, key="k", **MIXED)

    assert end_of(shown["id"]) == paid(7000)
    assert Charge.objects.count() == 1


def test_a_failed_charge_is_a_stored_result(api, ada, sandbox):
    body = {"amount": "200.00", "payment_method": DECLINED}
    first = charge(api, key="k", **body)
    api.post("/wallets/ada/credit", {"amount": "500.00"})

    assert charge(api, key="k", **body).json() == first.json()


@pytest.mark.parametrize(
    "other", [{"amount": "100.01"}, {"use_wallet": False}, {"metadata": {"a": 1}}, {"amount": 100}]
)
def test_a_key_with_another_body_is_refused(api, poor_ada, sandbox, other):
    charge(api, key="k", **MIXED)

    answer = charge(api, key="k", **MIXED | other)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert paid_intents() == [7000]


@pytest.mark.parametrize(
    "refusal",
    [
        {"split_instructions": [{"recipient": "nobody", "percentage": "1"}]},
        {"split_instructions": [{"recipient": "ada", "amount": "100.01"}]},
        {"amount": "0"},
    ],
)
def test_a_refused_request_stores_nothing(api, ada, refusal):
    assert charge(api, key="k", **{"amount": "100.00"} | refusal).status_code >= 400

    assert charge(api, "1.00", key="k").json()["status"] == "succeeded"


def test_a_key_from_16_threads_makes_one_charge(api, poor_ada, sandbox):
    answers = race(*[lambda: charge(api, key="k", **MIXED)] * 16)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert end_of(answers[0].json()["id"]) == paid(7000)


def test_a_wallet_charge_that_empties_the_wallet_replays_to_8_threads(api, ada):
    answers = race(*[lambda: charge(api, "100.00", key="k")] * 8)

    assert {(a.status_code, a.json()["status"]) for a in answers} == {(201, "succeeded")}
    assert sum(a.get("Idempotent-Replayed") is None for a in answers) == 1


def test_another_api_key_of_the_partner_replays(api, partner, make_api, ada):
    first = charge(api, "10.00", key="k")

    second = charge(make_api(partner), "10.00", key="k")

    assert second.json() == first.json()
    assert wallet_of(api, "ada")["balance"] == "90.00"


def test_another_partner_has_keys_of_its_own(api, make_api, ada, now):
    charge(api, "10.00", key="k")
    other = make_api(partners.create_partner(name="Other", now=now))
    open_wallet(other, "ada", "10.00")

    answer = charge(other, "10.00", key="k")

    assert (answer.json()["status"], answer.get("Idempotent-Replayed")) == ("succeeded", None)


@pytest.mark.parametrize("key", ["", "k" * 256, "k\t"])
def test_a_missing_or_malformed_key_is_refused(api, ada, key):
    answer = api.post(
        "/charges", {"customer_id": "ada", "amount": "1.00"}, **{"idempotency-key": key}
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
