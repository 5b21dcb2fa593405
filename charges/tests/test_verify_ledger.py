"""`verify_ledger` finds what no code could have written about charges."""

from __future__ import annotations

import pytest

from charges.invariants import INVARIANTS
from charges.tests.steps import CARD, charged, create
from wallets.tests.corruption import corrupted, found_broken

SHARES = """[{"recipient": "ada", "amount": 1}]"""
BROKEN_BY = {
    "held equals the open wallet legs": ("wallets_wallet", "SET held = held + 1"),
    "legs sum to the charge": ("charges_charge", "SET wallet_amount = 0, external_amount = 0"),
    "a succeeded charge is in the ledger once, as its legs and shares say": (
        "charges_charge",
        f"SET split_shares = '{SHARES}'",
    ),
    "a charge that has not succeeded is not in the ledger": (
        "charges_charge",
        "SET status = 'failed', succeeded_at = NULL, failed_at = now()",
    ),
    "a terminal charge has exactly one terminal event": (
        "webhooks_event",
        "SET type = 'wallet.credited'",
    ),
    "an open charge has no terminal event": (
        "charges_charge",
        "SET status = 'unknown', succeeded_at = NULL, next_attempt_at = now()",
    ),
    "a processing charge is found by a sweep or by staff": (
        "charges_charge",
        "SET status = 'unknown', succeeded_at = NULL",
    ),
}
REFUSED_BY_A_CONSTRAINT = {"at most the amount is refunded"}


def test_every_invariant_of_charges_is_shown_to_fail():
    assert set(BROKEN_BY) | REFUSED_BY_A_CONSTRAINT == set(INVARIANTS)


@pytest.mark.parametrize("invariant", BROKEN_BY)
def test_a_broken_invariant_is_found_with_its_row(api, ada, invariant):
    api.post("/wallets/ada/credit", {"amount": "1.00"})
    shown = charged(api, "60.00")
    table, change = BROKEN_BY[invariant]

    with corrupted(table, f"UPDATE {table} {change}"):
        rows = found_broken()[invariant]

    assert {row["id"] for row in rows} & {shown["id"], ada["id"]}


def test_a_succeeded_charge_without_a_posting_is_found(api, ada):
    shown = charged(api, "60.00")
    gone = "DELETE FROM wallets_ledgertransaction WHERE kind = 'charge'"

    with corrupted("wallets_ledgertransaction", gone):
        rows = found_broken()[
            "a succeeded charge is in the ledger once, as its legs and shares say"
        ]

    assert [row["id"] for row in rows] == [shown["id"]]


def test_a_lost_hold_is_found(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_before", path="/confirm")
    create(partner, now, payment_method=CARD)

    with corrupted("wallets_wallet", "UPDATE wallets_wallet SET held = 0"):
        assert found_broken()["held equals the open wallet legs"]
