from __future__ import annotations

import pytest

from wallets.tests.steps import open_wallet

FIELDS = [
    "id", "kind", "transaction_type", "amount", "balance_before", "balance_after", "description",
    "reference", "charge_id", "refund_id", "created_at",
]  # fmt: skip


@pytest.fixture
def history(api, ada):
    """Credit 100.00, debit 30.00, charge 20.00; newest first."""
    api.post("/wallets/ada/debit", {"amount": "30.00", "description": "cash", "reference": "r-1"})
    charge = api.post("/charges", {"customer_id": "ada", "amount": "20.00"}).json()
    return api.get("/wallets/ada/ledger").json()["results"], charge


def test_an_entry_shows_what_the_contract_names(history):
    assert list(history[0][0]) == FIELDS


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (0, ("charge", "debit", "20.00", "70.00", "50.00")),
        (1, ("debit", "debit", "30.00", "100.00", "70.00")),
        (2, ("credit", "credit", "100.00", "0.00", "100.00")),
    ],
)
def test_entries_are_newest_first_and_chain(history, place, line):
    entry = history[0][place]

    assert tuple(entry[name] for name in FIELDS[1:6]) == line


def test_an_entry_has_the_words_of_its_request(history):
    entry = history[0][1]

    assert (entry["description"], entry["reference"]) == ("cash", "r-1")


def test_the_entry_of_a_charge_names_it(history):
    entries, charge = history

    assert [entry["charge_id"] for entry in entries] == [charge["id"], None, None]


@pytest.mark.parametrize("kind", ["credit", "debit", "charge"])
def test_entries_are_filtered_by_kind(api, history, kind):
    entries = api.get("/wallets/ada/ledger", kind=kind).json()["results"]

    assert [entry["kind"] for entry in entries] == [kind]


def test_entries_are_filtered_by_time(api, history):
    moment = history[0][1]["created_at"]

    later = api.get("/wallets/ada/ledger", created_gte=moment).json()["results"]
    earlier = api.get("/wallets/ada/ledger", created_lt=moment).json()["results"]

    assert [entry["kind"] for entry in later] == ["charge", "debit"]
    assert [entry["kind"] for entry in earlier] == ["credit"]


@pytest.mark.parametrize("query", [{"kind": "gift"}, {"account": "wallet"}, {"created_lt": "x"}])
def test_filters_that_are_none_are_refused(api, ada, query):
    assert api.get("/wallets/ada/ledger", **query).status_code == 400


def test_entries_come_in_pages(api, history):
    first = api.get("/wallets/ada/ledger", limit=2).json()
    second = api.get(first["next"]).json()

    assert first["results"] + second["results"] == history[0]


def test_the_ledger_of_a_wallet_has_no_entry_of_another(api, history):
    open_wallet(api, "bob", "7.00")

    entries = api.get("/wallets/bob/ledger").json()["results"]

    assert [entry["amount"] for entry in entries] == ["7.00"]
