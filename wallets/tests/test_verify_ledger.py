from __future__ import annotations

import json

import pytest

from partners import services as partners
from payments_project import invariants as proofs
from wallets.models import LedgerEntry, LedgerTransaction
from wallets.tests.corruption import corrupted, found_broken, verify_ledger
from wallets.tests.steps import adjust, open_wallet

BALANCE = ("wallets_wallet", "UPDATE wallets_wallet SET balance = balance + 1")
AMOUNT = (
    "wallets_ledgerentry",
    "UPDATE wallets_ledgerentry SET amount = amount - 1 WHERE account = 'funding'",
)
CHAIN = (
    "wallets_ledgerentry",
    """UPDATE wallets_ledgerentry SET balance_before = balance_before + 1,
        balance_after = balance_after + 1 WHERE account = 'wallet'""",
)
ENTRIES_GONE = ("wallets_ledgerentry", "DELETE FROM wallets_ledgerentry")
BROKEN_BY = {
    "wallet balance equals the sum of its entries": BALANCE,
    "wallet balance equals its last balance_after": CHAIN,
    "wallet entries chain": CHAIN,
    "ledger transactions sum to zero": AMOUNT,
    "the ledger sums to zero per currency": AMOUNT,
    "an adjustment moves one amount from one account to another": (
        "wallets_ledgerentry",
        "UPDATE wallets_ledgerentry SET account = 'funding' WHERE account = 'revenue'",
    ),
    "entries are in their wallet's currency and of its partner": (
        "wallets_wallet",
        "UPDATE wallets_wallet SET currency = 'EUR'",
    ),
}


@pytest.fixture
def adjusted(partner, now):
    """10.00 of the funding belong to the revenue."""
    adjust(partner.id, 1000, "funding", "revenue", now)


@pytest.mark.parametrize(("invariant", "corruption"), BROKEN_BY.items())
def test_a_broken_invariant_is_found(ada, adjusted, invariant, corruption):
    with corrupted(*corruption):
        assert found_broken()[invariant]


def test_a_transaction_without_entries_is_found(ada):
    with corrupted(*ENTRIES_GONE):
        assert found_broken()["ledger transactions sum to zero"]


def test_the_wallet_at_fault_is_named(ada):
    with corrupted(*BALANCE):
        rows = found_broken()["wallet balance equals the sum of its entries"]

    assert rows == [{"id": ada["id"], "balance": 10001, "entries": "10000"}]


def test_the_transaction_at_fault_is_named(ada):
    with corrupted(*AMOUNT):
        _, printed = verify_ledger()

    assert "BROKEN  ledger transactions sum to zero" in printed
    assert str(LedgerTransaction.objects.get().id) in printed


def test_the_entry_at_fault_is_named(ada):
    entry = LedgerEntry.objects.get(account="wallet")

    with corrupted(*CHAIN):
        assert found_broken()["wallet entries chain"][0]["id"] == entry.id


def test_a_sound_ledger_exits_0_and_says_how_many_hold(ada):
    code, printed = verify_ledger()

    assert code == 0
    assert f"All {len(proofs.ALL)} hold." in printed


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_broken_ledger_exits_1(ada, arguments):
    with corrupted(*BALANCE):
        assert verify_ledger(*arguments)[0] == 1


def test_the_json_of_a_sound_ledger(ada):
    code, printed = verify_ledger("--json")

    assert (code, json.loads(printed)) == (
        0,
        {"ok": True, "checked": len(proofs.ALL), "broken": []},
    )


def test_only_the_partner_asked_for_is_proven(partner, ada, make_api, now):
    other = partners.create_partner(name="Other", now=now)
    open_wallet(make_api(other), "bob", "1.00")

    with corrupted(BALANCE[0], f"{BALANCE[1]} WHERE customer_id = 'bob'"):
        assert verify_ledger("--partner", str(partner.id))[0] == 0
        assert verify_ledger("--partner", str(other.id))[0] == 1
