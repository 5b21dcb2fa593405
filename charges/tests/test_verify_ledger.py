"""`verify_ledger` finds what no code could have written about charges."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from charges.models import Dispute
from charges.tests.steps import (
    CARD,
    charged,
    create,
    disputes_of,
    hear_of_disputes,
    refunded,
)
from foundation.constraints import violated
from wallets.tests.corruption import corrupted, found_broken
from wallets.tests.steps import open_wallet

SHARES = """[{"recipient": "ada", "amount": 1}]"""
OPEN = "status = 'unknown', succeeded_at = NULL, next_attempt_at = now()"
BROKEN_BY = {
    "held equals the open wallet legs": ("wallets_wallet", "SET held = held + 1"),
    "legs sum to the charge": ("charges_charge", "SET wallet_amount = 0, external_amount = 0"),
    "a charge is posted line by line as its legs and shares say": (
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
    "of a charge whose part was reopened nothing is kept, unless it came back later": (
        "charges_charge",
        "SET reopened_at = now(), installment_order_id = id",
    ),
    "no card has only waiting charges": (
        "charges_charge",
        f"SET {OPEN}, waiting_since = now() - interval '1 hour'",
    ),
    "an open charge has no terminal event": (
        "charges_charge",
        f"SET {OPEN}",
    ),
}
BROKEN_REFUND_BY = {
    "what went back is what refunds and lost disputes say": (
        "charges_charge",
        "SET wallet_refunded = 1 WHERE wallet_refunded > 0",
    ),
    "what failed or was won later is undone line by line": (
        "charges_refund",
        "SET status = 'failed', failed_at = now()",
    ),
    "nobody gives back more than their share, and all of it when all went back": (
        "charges_refund",
        "SET split_reversals = '[]'",
    ),
    "a late fee goes back with its charge, and all of it when all went back": (
        "charges_charge",
        "SET late_fee = 1 WHERE wallet_refunded > 0",
    ),
    "a dispute has what its movements and allocations say": (
        "charges_dispute",
        "SET external_leg = external_leg - 1",
    ),
    "every refund that ended was told once": (
        "webhooks_event",
        "SET type = 'wallet.credited' WHERE type = 'charge.refunded'",
    ),
}
REFUSED_BY_A_CONSTRAINT = {
    "a processing charge is found by a sweep or by staff": (
        "charges_charge",
        "SET status = 'unknown', succeeded_at = NULL, wallet_refunded = 0, external_reversed = 0",
        "charges_charge_open_is_found",
    ),
    "a pending refund is found by a sweep or by staff": (
        "charges_refund",
        "SET status = 'pending', succeeded_at = NULL",
        "charges_refund_pending_is_found",
    ),
}


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
        rows = found_broken()["a charge is posted line by line as its legs and shares say"]

    assert {row["id"] for row in rows} == {shown["id"]}


def test_a_lost_hold_is_found(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_before", path="/confirm")
    create(partner, now, payment_method=CARD)

    with corrupted("wallets_wallet", "UPDATE wallets_wallet SET held = 0"):
        assert found_broken()["held equals the open wallet legs"]


@pytest.fixture
def returned(api, ada, sandbox, now):
    """A refund of 60.00 into ada's wallet, half of it bob's; and a lost dispute."""
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "50"}]
    made = refunded(api, charged(api, "60.00", split_instructions=split)["id"])
    disputed = charged(api, "5.00", use_wallet=False, payment_method="pm_card_createDispute")
    (dispute_id,) = disputes_of(disputed["id"])
    sandbox.close_dispute(dispute_id, "lost")
    hear_of_disputes(disputed["id"], now)
    return {made["id"], made["charge_id"], str(Dispute.objects.get().id)}


@pytest.mark.parametrize("invariant", BROKEN_REFUND_BY)
def test_a_broken_invariant_of_refunds_is_found_with_its_row(returned, invariant):
    table, change = BROKEN_REFUND_BY[invariant]

    with corrupted(table, f"UPDATE {table} {change}"):
        rows = found_broken()[invariant]

    assert {row["id"] for row in rows} & returned


@pytest.mark.parametrize("invariant", REFUSED_BY_A_CONSTRAINT)
def test_the_database_itself_refuses(returned, invariant):
    table, change, constraint = REFUSED_BY_A_CONSTRAINT[invariant]

    with pytest.raises(IntegrityError) as refusal, corrupted(table, f"UPDATE {table} {change}"):
        pass

    assert violated(refusal.value) == constraint
