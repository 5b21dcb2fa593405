"""What the database itself refuses, whoever asks: each by SQL that goes past the code."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from foundation.constraints import violated

TRANSACTION = """
    INSERT INTO wallets_ledgertransaction
        (id, partner_id, kind, currency, description, charge_id, fingerprint, actor, request_id,
         created_at)
    SELECT gen_random_uuid(), partner_id, %s, currency, '', %s, '', 'sql', '', now()
    FROM wallets_wallet RETURNING id"""
ENTRY = "INSERT INTO wallets_ledgerentry (transaction_id, account, amount) VALUES (%s, %s, %s)"


def run(sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0] if cursor.description else None


def refused(sql, *parameters):
    """The name of the constraint that refuses it."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        run(sql, *parameters)
    return violated(refusal.value)


def test_a_negative_balance(ada):
    found = refused("UPDATE wallets_wallet SET balance = -1")

    assert found == "wallets_wallet_balance_not_negative"


def test_a_negative_hold(ada):
    assert refused("UPDATE wallets_wallet SET held = -1") == "wallets_wallet_held_in_balance"


def test_a_hold_above_the_balance(ada):
    found = refused("UPDATE wallets_wallet SET held = balance + 1")

    assert found == "wallets_wallet_held_in_balance"


def test_an_unbalanced_transaction_at_commit(ada):
    begun = transaction.atomic()
    begun.__enter__()
    made = run(TRANSACTION, "credit", None)
    run(ENTRY, made, "funding", -100)
    run(ENTRY, made, "payout", 99)

    with pytest.raises(IntegrityError) as refusal:
        begun.__exit__(None, None, None)

    assert violated(refusal.value) == "wallets_ledger_zero_sum"


def test_a_lone_entry_added_to_an_old_transaction(ada):
    old = run("SELECT id FROM wallets_ledgertransaction")

    assert refused(ENTRY, old, "funding", 1) == "wallets_ledger_zero_sum"


@pytest.mark.parametrize("table", ["wallets_ledgerentry", "wallets_ledgertransaction"])
def test_an_update_of_a_ledger_row(ada, table):
    assert refused(f"UPDATE {table} SET id = id") == "wallets_ledger_append_only"


@pytest.mark.parametrize("table", ["wallets_ledgerentry", "wallets_ledgertransaction"])
def test_a_delete_of_a_ledger_row(ada, table):
    assert refused(f"DELETE FROM {table}") == "wallets_ledger_append_only"


def test_a_second_posting_of_a_charge(ada):
    charge_id = "00000000-0000-0000-0000-000000000001"

    found = refused(f"WITH first AS ({TRANSACTION}) {TRANSACTION}", *["charge", charge_id] * 2)

    assert found == "wallets_ledgertransaction_one_per_charge"


def test_an_entry_of_nothing(ada):
    old = run("SELECT id FROM wallets_ledgertransaction")

    assert refused(ENTRY, old, "funding", 0) == "wallets_ledgerentry_not_zero"


def test_a_wallet_entry_without_its_wallet(ada):
    old = run("SELECT id FROM wallets_ledgertransaction")

    assert refused(ENTRY, old, "wallet", 1) == "wallets_ledgerentry_wallet_chain"


def test_the_removal_of_a_wallet_with_entries(ada):
    assert "wallet_id" in refused("DELETE FROM wallets_wallet")
