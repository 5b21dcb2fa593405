from __future__ import annotations

import pytest

from partners import services as partners
from wallets.tests.steps import open_wallet


def customers(answer):
    return [wallet["customer_id"] for wallet in answer.json()["results"]]


@pytest.fixture
def three(api):
    """ada in dollars, bob in yen and frozen, eve in dollars."""
    open_wallet(api, "ada", "1.00")
    open_wallet(api, "bob", currency="JPY")
    api.patch("/wallets/bob", {"is_active": False})
    return open_wallet(api, "eve")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["eve", "bob", "ada"]),
        ({"customer_id": "bob"}, ["bob"]),
        ({"customer_id": "nobody"}, []),
        ({"currency": "USD"}, ["eve", "ada"]),
        ({"is_active": "false"}, ["bob"]),
        ({"is_active": "true", "currency": "JPY"}, []),
        ({"created_gte": "2000-01-01T00:00:00Z"}, ["eve", "bob", "ada"]),
        ({"created_lt": "2000-01-01T00:00:00Z"}, []),
    ],
)
def test_the_list_is_newest_first_and_filtered(api, three, query, found):
    assert customers(api.get("/wallets", **query)) == found


def test_created_gte_includes_and_created_lt_excludes_the_moment(api, three):
    moment = three["created_at"]

    assert customers(api.get("/wallets", created_gte=moment)) == ["eve"]
    assert customers(api.get("/wallets", created_lt=moment)) == ["bob", "ada"]


def test_pages_follow_each_other_without_repeats(api, three):
    first = api.get("/wallets", limit=2)
    second = api.get(first.json()["next"])

    assert customers(first) + customers(second) == ["eve", "bob", "ada"]
    assert second.json()["next"] is None


@pytest.mark.parametrize("name", ["customer", "created_at", "page", "is_active__in"])
def test_an_unknown_filter_is_refused(api, name):
    answer = api.get("/wallets", **{name: "1"})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_filter")


@pytest.mark.parametrize("query", [{"is_active": "maybe"}, {"created_gte": "soon"}])
def test_a_filter_that_makes_no_sense_is_refused(api, query):
    assert api.get("/wallets", **query).status_code == 400


@pytest.mark.parametrize("name", ["customer_id", "currency", "is_active", "created_gte"])
def test_a_nul_in_a_filter_is_no_server_error(api, name):
    assert api.get("/wallets", **{name: "\x00"}).status_code == 400


@pytest.mark.parametrize("path", ["", "/ledger"])
def test_an_unknown_wallet_is_not_found(api, path):
    answer = api.get(f"/wallets/nobody{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "/ledger"])
def test_another_partners_wallet_is_not_found(api, make_api, now, path):
    open_wallet(api, "ada")
    other = make_api(partners.create_partner(name="Other", now=now))

    assert other.get(f"/wallets/ada{path}").status_code == 404


@pytest.mark.parametrize("door", ["credit", "debit"])
def test_another_partners_wallet_takes_no_movement(api, make_api, now, door):
    open_wallet(api, "ada", "5.00")
    other = make_api(partners.create_partner(name="Other", now=now))

    assert other.post(f"/wallets/ada/{door}", {"amount": "1.00"}).status_code == 404
    assert api.get("/wallets/ada").json()["balance"] == "5.00"


def test_the_list_shows_no_wallet_of_another_partner(api, make_api, now, three):
    other = make_api(partners.create_partner(name="Other", now=now))

    assert customers(other.get("/wallets")) == []
