"""Credits and debits through the API."""

from __future__ import annotations

import json

import pytest

from partners import services as partners
from wallets.models import LedgerEntry, LedgerTransaction
from wallets.tests.steps import open_wallet, wallet_of
from webhooks.models import Event

DOORS = ["credit", "debit"]
both = pytest.mark.parametrize("door", DOORS)


@pytest.mark.parametrize(("door", "balance"), [("credit", "110.00"), ("debit", "90.00")])
def test_a_movement_changes_the_balance(api, ada, door, balance):
    answer = api.post(f"/wallets/ada/{door}", {"amount": "10.00"})

    assert answer.status_code == 201
    assert wallet_of(api, "ada")["balance"] == balance


@both
def test_a_movement_answers_its_entry(api, ada, door):
    answer = api.post(f"/wallets/ada/{door}", {"amount": "10.00"})

    assert answer.json() == api.get("/wallets/ada/ledger").json()["results"][0]


@pytest.mark.parametrize(
    ("door", "lines"),
    [
        ("credit", [("funding", -1000), ("wallet", 1000)]),
        ("debit", [("payout", 1000), ("wallet", -1000)]),
    ],
)
def test_a_movement_posts_the_accounts_of_the_contract(api, ada, door, lines):
    api.post(f"/wallets/ada/{door}", {"amount": "10.00"})

    posted = LedgerEntry.objects.filter(transaction=LedgerTransaction.objects.first())
    assert sorted(posted.values_list("account", "amount")) == lines


@both
def test_a_movement_publishes_one_event_with_the_wallet(api, ada, door):
    api.post(f"/wallets/ada/{door}", {"amount": "10.00"})

    told = Event.objects.order_by("-id")[0]
    assert told.type == f"wallet.{door}ed"
    assert json.loads(told.data) == wallet_of(api, "ada")


def test_more_than_available_cannot_be_debited(api, ada):
    answer = api.post("/wallets/ada/debit", {"amount": "100.01"})

    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_funds")
    assert wallet_of(api, "ada")["balance"] == "100.00"


def test_all_that_is_available_can_be_debited(api, ada):
    assert api.post("/wallets/ada/debit", {"amount": "100.00"}).status_code == 201


def test_what_an_open_charge_holds_cannot_be_debited(api, ada, sandbox):
    sandbox.fault("error_500_before", path="/confirm")
    api.post(
        "/charges", {"customer_id": "ada", "amount": "160.00", "payment_method": "pm_card_visa"}
    )

    answer = api.post("/wallets/ada/debit", {"amount": "0.01"})

    assert wallet_of(api, "ada")["held"] == "100.00"
    assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_funds")


@both
def test_a_reference_is_unique_per_partner(api, ada, door):
    api.post("/wallets/ada/credit", {"amount": "1.00", "reference": "r-1"})

    answer = api.post(f"/wallets/ada/{door}", {"amount": "1.00", "reference": "r-1"})

    assert (answer.status_code, answer.json()["code"]) == (409, "reference_exists")
    assert wallet_of(api, "ada")["balance"] == "101.00"


def test_another_partner_may_use_the_reference(api, ada, make_api, now):
    api.post("/wallets/ada/credit", {"amount": "1.00", "reference": "r-1"})
    other = make_api(partners.create_partner(name="Other", now=now))
    open_wallet(other, "ada")

    answer = other.post("/wallets/ada/credit", {"amount": "1.00", "reference": "r-1"})

    assert answer.status_code == 201


@both
def test_a_repeated_key_gets_the_same_answer_and_moves_no_more(api, ada, door):
    body = {"amount": "10.00", "reference": "r-1"}
    first = api.post(f"/wallets/ada/{door}", body, key="k")
    moved = wallet_of(api, "ada")

    second = api.post(f"/wallets/ada/{door}", body, key="k")

    assert (second.status_code, second.json()) == (201, first.json())
    assert wallet_of(api, "ada") == moved


def test_only_a_repetition_is_marked_as_replayed(api, ada):
    first = api.post("/wallets/ada/credit", {"amount": "1.00"}, key="k")
    second = api.post("/wallets/ada/credit", {"amount": "1.00"}, key="k")

    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"


def test_a_debit_that_emptied_the_wallet_replays(api, ada):
    api.post("/wallets/ada/debit", {"amount": "100.00"}, key="k")

    assert api.post("/wallets/ada/debit", {"amount": "100.00"}, key="k").status_code == 201


def test_spacing_and_order_of_fields_make_no_other_request(api, ada):
    api.post("/wallets/ada/credit", '{"amount": "1.00", "description": "x"}', key="k")

    answer = api.post("/wallets/ada/credit", '{"description":"x","amount":"1.00"}', key="k")

    assert answer.headers["Idempotent-Replayed"] == "true"


@both
def test_a_key_with_another_body_is_refused(api, ada, door):
    api.post(f"/wallets/ada/{door}", {"amount": "1.00"}, key="k")

    answer = api.post(f"/wallets/ada/{door}", {"amount": "2.00"}, key="k")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_for_another_wallet_is_refused(api, ada):
    open_wallet(api, "bob")
    api.post("/wallets/ada/credit", {"amount": "1.00"}, key="k")

    answer = api.post("/wallets/bob/credit", {"amount": "1.00"}, key="k")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_credit_and_a_debit_may_share_a_key(api, ada):
    api.post("/wallets/ada/credit", {"amount": "1.00"}, key="k")

    answer = api.post("/wallets/ada/debit", {"amount": "1.00"}, key="k")

    assert (answer.status_code, answer.get("Idempotent-Replayed")) == (201, None)


def test_a_refused_debit_stores_nothing(api, ada):
    api.post("/wallets/ada/debit", {"amount": "150.00"}, key="k")
    api.post("/wallets/ada/credit", {"amount": "50.00"})

    assert api.post("/wallets/ada/debit", {"amount": "150.00"}, key="k").status_code == 201


@both
@pytest.mark.parametrize("key", ["", "k" * 256, "k\t"])
def test_a_missing_or_malformed_key_is_refused(api, ada, door, key):
    answer = api.post(f"/wallets/ada/{door}", {"amount": "1.00"}, **{"idempotency-key": key})

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_no_key_at_all_is_refused(api, ada):
    headers = {"authorization": f"Bearer {api.key}"}

    answer = api.client.post(
        "/wallets/ada/credit",
        {"amount": "1.00"},
        content_type="application/json",
        headers=headers,
        secure=True,
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


@both
def test_an_unknown_wallet_is_not_found(api, door):
    assert api.post(f"/wallets/nobody/{door}", {"amount": "1.00"}).status_code == 404


def test_the_sequence_of_a_wallets_events_counts_on(api, ada):
    api.post("/wallets/ada/debit", {"amount": "1.00"})

    assert list(Event.objects.order_by("id").values_list("sequence", flat=True)) == [1, 2]
