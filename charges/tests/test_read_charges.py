from __future__ import annotations

from uuid import UUID

import pytest

from charges.tests.steps import CARD, charged
from partners import services as partners


@pytest.fixture
def four(api, ada, sandbox):
    """By wallet, by wallet and card, failed, by another customer's card."""
    return {
        "wallet": charged(api, "30.00"),
        "mixed": charged(api, "100.00", payment_method=CARD),
        "failed": charged(api, "5.00"),
        "card": charged(api, "7.00", customer_id="bob", payment_method=CARD),
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["card", "failed", "mixed", "wallet"]),
        ({"customer_id": "ada"}, ["failed", "mixed", "wallet"]),
        ({"status": "failed"}, ["failed"]),
        ({"status": "succeeded", "customer_id": "bob"}, ["card"]),
        ({"payment_method": "wallet"}, ["wallet"]),
        ({"payment_method": "external"}, ["card"]),
        ({"payment_method": "wallet+external"}, ["mixed"]),
        ({"installment_id": str(UUID(int=7))}, []),
        ({"installment_order_id": str(UUID(int=7))}, []),
        ({"created_lt": "2000-01-01T00:00:00Z"}, []),
        ({"created_gte": "2000-01-01T00:00:00Z"}, ["card", "failed", "mixed", "wallet"]),
    ],
)
def test_the_list_is_newest_first_and_filtered(api, four, query, names):
    listed = api.get("/charges", **query).json()["results"]

    assert listed == [four[name] for name in names]


@pytest.mark.parametrize(
    "query",
    [
        {"state": "failed"},
        {"status": "paid"},
        {"payment_method": "card"},
        {"installment_id": "1"},
        {"created_lt": "yesterday"},
        {"limit": "0"},
        {"limit": "101"},
        {"cursor": "x"},
        {"customer_id": "\x00"},
    ],
)
def test_filters_that_are_none_are_refused(api, query):
    assert api.get("/charges", **query).status_code == 400


def test_pages_follow_each_other(api, four):
    first = api.get("/charges", limit=3).json()
    second = api.get(first["next"]).json()

    assert [len(first["results"]), len(second["results"])] == [3, 1]
    assert api.get(second["previous"]).json()["results"] == first["results"]


def test_another_partners_charge_is_not_found(api, four, make_api, now):
    other = make_api(partners.create_partner(name="Other", now=now))

    assert other.get(f"/charges/{four['card']['id']}").status_code == 404
    assert other.get("/charges").json()["results"] == []


@pytest.mark.parametrize("charge_id", [str(UUID(int=7)), "1", "nothing"])
def test_an_unknown_charge_is_not_found(api, charge_id):
    answer = api.get(f"/charges/{charge_id}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
