from __future__ import annotations

from wallets.models import LedgerTransaction
from wallets.tests.steps import race, wallet_of


def test_of_six_debits_of_60_on_100_one_succeeds(api, ada):
    def debit():
        return api.post("/wallets/ada/debit", {"amount": "60.00"}).status_code

    statuses = race(*[debit] * 6)

    assert sorted(statuses) == [201] + [422] * 5
    assert wallet_of(api, "ada")["balance"] == "40.00"


def test_a_credit_key_from_16_threads_makes_one_entry(api, ada):
    def credit():
        return api.post("/wallets/ada/credit", {"amount": "1.00"}, key="k")

    answers = race(*[credit] * 16)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    assert wallet_of(api, "ada")["balance"] == "101.00"


def test_a_debit_key_from_8_threads_on_a_wallet_it_empties_always_succeeds(api, ada):
    def debit():
        return api.post("/wallets/ada/debit", {"amount": "100.00"}, key="k").status_code

    assert set(race(*[debit] * 8)) == {201}
    assert wallet_of(api, "ada")["balance"] == "0.00"


def test_no_credit_is_lost_among_debits(api, ada):
    def move(door):
        return lambda: api.post(f"/wallets/ada/{door}", {"amount": "1.00"}).status_code

    statuses = race(*[move("credit"), move("debit")] * 8)

    assert set(statuses) == {201}
    assert wallet_of(api, "ada")["balance"] == "100.00"


def test_one_reference_from_8_threads_is_posted_once(api, ada):
    def credit():
        body = {"amount": "1.00", "reference": "r-1"}
        return api.post("/wallets/ada/credit", body).status_code

    assert sorted(race(*[credit] * 8)) == [201] + [409] * 7
    assert LedgerTransaction.objects.filter(reference="r-1").count() == 1


def test_a_key_with_a_reference_from_8_threads_replays(api, ada):
    def credit():
        body = {"amount": "1.00", "reference": "r-1"}
        return api.post("/wallets/ada/credit", body, key="k").status_code

    assert set(race(*[credit] * 8)) == {201}
    assert wallet_of(api, "ada")["balance"] == "101.00"
