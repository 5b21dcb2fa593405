"""Every invariant is proven by breaking it: with raw SQL, triggers asleep, constraints away.

One scene, made through doors, has a row for each; each breakage is rolled back.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from charges.tests.steps import (
    CARD,
    charged,
    create,
    dispute,
    hear,
    refund_at_the_processor,
    refunded,
)
from conftest import Api, _empty
from devstack.stripe_sandbox.client import SandboxControl
from partners import services as partners
from partners.models import Partner
from payments_project import invariants
from wallets.tests.steps import adjust, open_wallet

CONSTRAINTS = """
DO $$ DECLARE c record; BEGIN
    FOR c IN SELECT conrelid::regclass AS name, conname FROM pg_constraint
        WHERE contype = 'c' AND conrelid::regclass::text ~ '^(wallets|charges|installments)_'
    LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.name, c.conname); END LOOP;
END $$;
DROP INDEX IF EXISTS charges_charge_one_live_per_installment;
"""
CARD_FACTS = "UPDATE wallets_ledgerentry e SET amount = amount - 1 FROM wallets_ledgertransaction t"
OF_KIND = "WHERE t.id = e.transaction_id AND t.kind = '{}'"
OTHER_WALLET = """UPDATE wallets_ledgerentry e SET wallet_id = o.id
    FROM wallets_ledgertransaction t, wallets_wallet w, wallets_wallet o
    WHERE t.id = e.transaction_id AND t.kind = 'charge' AND w.id = e.wallet_id AND e.amount > 0
        AND o.partner_id = w.partner_id AND o.customer_id = 'eve'"""
FROM_REVENUE = """UPDATE wallets_ledgerentry e SET account = 'revenue', wallet_id = NULL,
        owed_by_id = NULL, balance_before = NULL, balance_after = NULL
    FROM wallets_ledgertransaction t
    WHERE t.id = e.transaction_id AND t.kind = 'refund' AND e.account = 'wallet'"""
REOPENED = "UPDATE charges_charge SET reopened_at = now() WHERE status = 'succeeded'"
BREAKAGES = {
    "wallet balance equals the sum of its entries": (
        "UPDATE wallets_wallet SET balance = balance + 1"
    ),
    "wallet balance equals its last balance_after": (
        "UPDATE wallets_ledgerentry SET balance_after = balance_after + 1"
    ),
    "wallet entries chain": "UPDATE wallets_ledgerentry SET balance_before = balance_before + 1",
    "a wallet owes what its receivable entries say": (
        "UPDATE wallets_wallet SET receivable = receivable + 1"
    ),
    "what is receivable names who owes it": "UPDATE wallets_ledgerentry SET owed_by_id = NULL",
    "credits, debits and nettings have the lines of their kind": (
        "UPDATE wallets_ledgerentry SET account = 'payout' WHERE account = 'funding'"
    ),
    "a netting pays with the debtor's own money": f"""UPDATE wallets_ledgerentry e
        SET owed_by_id = (SELECT id FROM wallets_wallet WHERE customer_id = 'eve')
        FROM wallets_ledgertransaction t {OF_KIND.format("netting")}
            AND e.account = 'receivable'""",
    "ledger transactions sum to zero": "DELETE FROM wallets_ledgerentry",
    "the ledger sums to zero per currency": (
        "UPDATE wallets_ledgerentry SET amount = amount - 1 WHERE account = 'funding'"
    ),
    "entries are in their wallet's currency and of its partner": (
        "UPDATE wallets_wallet SET currency = 'EUR'"
    ),
    "a charge is posted line by line as its legs and shares say": OTHER_WALLET,
    "refunds and borne disputes are posted line by line as they say": FROM_REVENUE,
    "what failed or was won later is undone line by line": (
        f"{CARD_FACTS} {OF_KIND.format('dispute_reversed')}"
    ),
    "what banks moved for disputes is posted line by line": (
        "UPDATE wallets_ledgerentry SET account = 'revenue' WHERE account = 'loss'"
    ),
    "held equals the open wallet legs": "UPDATE wallets_wallet SET held = held + 1",
    "legs sum to the charge": "UPDATE charges_charge SET wallet_amount = 0, external_amount = 0",
    "a charge that has not succeeded is not in the ledger": (
        "UPDATE charges_charge SET status = 'failed', succeeded_at = NULL"
    ),
    "what went back is what refunds and lost disputes say": (
        "UPDATE charges_charge SET external_refunded = external_refunded + 1"
    ),
    "nobody gives back more than their share, and all of it when all went back": (
        "UPDATE charges_refund SET split_reversals = '[]'"
    ),
    "a late fee goes back with its charge, and all of it when all went back": (
        "UPDATE charges_charge SET late_fee = 1"
    ),
    "a dispute has what its movements and allocations say": (
        "UPDATE charges_dispute SET withdrawn = withdrawn + 1"
    ),
    "a lost dispute is borne while the card leg lasts, and no other is": (
        "UPDATE charges_dispute SET external_leg = withdrawn + 1 WHERE status = 'lost'"
    ),
    "a dispute was told when it began and when it closed": (
        "DELETE FROM webhooks_event WHERE type = 'charge.dispute_closed'"
    ),
    "a pending refund is found by a sweep or by staff": (
        "UPDATE charges_refund SET status = 'pending', next_attempt_at = NULL"
    ),
    "every refund that ended was told once": (
        "DELETE FROM webhooks_event WHERE type = 'charge.refunded'"
    ),
    "a terminal charge has exactly one terminal event": (
        "DELETE FROM webhooks_event WHERE type = 'charge.succeeded'"
    ),
    "an open charge has no terminal event": (
        "UPDATE charges_charge SET status = 'unknown', succeeded_at = NULL"
    ),
    "a processing charge is found by a sweep or by staff": (
        "UPDATE charges_charge SET status = 'unknown', next_attempt_at = NULL"
    ),
    "no card has only waiting charges": (
        "UPDATE charges_charge SET status = 'processing', "
        "waiting_since = now() - interval '1 hour'; DELETE FROM charges_cardattempt"
    ),
    "an adjustment moves one amount from one account to another": (
        f"UPDATE wallets_ledgerentry e SET account = 'payout' "
        f"FROM wallets_ledgertransaction t {OF_KIND.format('adjustment')}"
    ),
    "an adjustment by staff is what another person approved": (
        "UPDATE wallets_ledgertransaction SET actor = 'staff:fay' WHERE kind = 'adjustment'"
    ),
    "of a charge whose part was reopened nothing is kept, unless it came back later": REOPENED,
    "a charge whose part was reopened is no part's charge": REOPENED,
    "nothing of an order that was given up is unpaid": (
        "UPDATE installments_installmentorder SET status = 'written_off'"
    ),
    "what is given up or paused asks no card": """
        UPDATE installments_installmentorder SET status = 'paused';
        UPDATE charges_charge SET status = 'processing', external_charge_id = NULL""",
    "installments sum to the order": (
        "UPDATE installments_installmentorder SET amount = amount + 1"
    ),
    "amount paid equals the paid installments": (
        "UPDATE installments_installmentorder SET amount_paid = amount_paid + 1"
    ),
    "a paid installment has exactly one succeeded charge: its own, or one that paid off": (
        "UPDATE installments_installment SET status = 'pending' WHERE status = 'paid'"
    ),
    "a succeeded charge of an order is the sum of what it paid, late fees apart": (
        "UPDATE installments_installment SET amount = amount + 1"
    ),
    "at most one open charge per installment": """
        UPDATE charges_charge SET status = 'pending' WHERE installment_id IS NOT NULL;
        INSERT INTO charges_charge SELECT (json_populate_record(c, json_build_object(
            'id', gen_random_uuid(), 'idempotency_key', NULL))).*
        FROM charges_charge c WHERE c.installment_id IS NOT NULL""",
    "an installment is processing exactly while its charge is open": (
        "UPDATE installments_installment SET status = 'processing'"
    ),
    "a charge of an installment has its shares": (
        "UPDATE installments_installment SET split_shares = '[]'"
    ),
    "a charge that paid off has the shares of what it paid": (
        "UPDATE installments_installment SET split_shares = '[]'"
    ),
    "the shares of an order's parts are the order's": (
        "UPDATE installments_installment SET split_shares = '[]'"
    ),
    "an order that is paid in full is collected no more": (
        "UPDATE installments_installmentorder SET status = 'active'"
    ),
    "what was paid or completed was told": (
        "DELETE FROM webhooks_event WHERE type = 'installment.paid'"
    ),
    "only installments of active orders wait to be collected": """
        UPDATE installments_installmentorder SET status = 'active';
        UPDATE installments_installment SET status = 'pending', next_attempt_at = NULL""",
    "revisions are numbered without gaps": ("UPDATE installments_revision SET number = number + 1"),
    "an order is past due exactly while something is": (
        "UPDATE installments_installmentorder SET status = 'active', past_due = NOT past_due"
    ),
    "sequences have no gaps": "DELETE FROM webhooks_event WHERE sequence = 1",
    "every event has a delivery for each endpoint that wanted it": "DELETE FROM webhooks_delivery",
    "a delivery is of its event's and endpoint's partner": """UPDATE webhooks_delivery
        SET partner_id = gen_random_uuid()""",
}


@pytest.fixture(scope="module")
def scene(database):
    """Wallets, charges, refunds, disputes and orders in all the states that invariants speak of."""
    with database.unblock():
        _empty()
        control, now = SandboxControl(os.environ["STRIPE_API_BASE"]), timezone.now()
        control.reset()
        partner = partners.create_partner(name="Acme", now=now)
        Partner.objects.filter(id=partner.id).update(net_receivables=True)
        _, key = partners.create_api_key(partner=partner, now=now)
        _play(Api(key), partner, control, now)
        yield
        control.clear_faults()
        _empty()
        connection.close()


def _play(api, partner, control, now):
    split = [{"recipient": "bob", "percentage": "40"}]
    endpoint = {"url": "http://127.0.0.1:9/hook", "event_types": []}
    assert api.post("/webhooks/endpoints", endpoint).status_code == 201
    open_wallet(api, "ada", "500.00"), open_wallet(api, "bob"), open_wallet(api, "eve")
    whole = charged(api, "50.00", split_instructions=split)
    api.post("/wallets/bob/debit", {"amount": "15.00"})
    refunded(api, whole["id"])
    api.post("/wallets/bob/credit", {"amount": "40.00"})
    by_card = {"payment_method": CARD, "use_wallet": False, "split_instructions": split}
    adopted = charged(api, "100.00", **by_card)
    hear("refund.created", refund_at_the_processor(adopted["id"], 3000), now)
    for outcomes in (["lost"], ["lost", "won"]):
        made = charged(api, "20.00", **by_card)
        dispute_id = dispute(made["id"], control)
        for outcome in outcomes:
            control.close_dispute(dispute_id, outcome)
            hear("charge.dispute.closed", dispute_id, now)
    adjust(partner.id, 100, "revenue", "funding", now)
    control.fault("drop_before", path="/confirm")
    create(partner, now, payment_method=CARD, amount=1000)
    for count in (2, 3):
        order = api.post("/installments/orders", _order(split, count)).json()
        assert order["status"] == "active", order
        if count == 2:
            paid = api.post(f"/installments/orders/{order['id']}/pay-off")
            assert paid.status_code < 300, paid.json()
        else:
            api.post(f"/installments/installments/{order['installments'][0]['id']}/process")
            last = order["installments"][-1]["id"]
            later = (now + timedelta(days=200)).date().isoformat()
            moved = api.patch(f"/installments/installments/{last}", {"due_date": later})
            assert moved.status_code == 200, moved.json()


def _order(split, count):
    today = timezone.now().date().isoformat()
    return {
        "customer_id": "ada",
        "amount": "90.00",
        "installment_count": count,
        "first_due_date": today,
        "split_instructions": split,
    }


@pytest.mark.parametrize("invariant", invariants.ALL)
def test_what_breaks_an_invariant_is_named(scene, invariant):
    with transaction.atomic(), connection.cursor() as cursor:
        assert not _at_fault(cursor, invariant)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(CONSTRAINTS)
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(BREAKAGES[invariant])
        found = _at_fault(cursor, invariant)
        transaction.set_rollback(True)

    assert found


def _at_fault(cursor, invariant):
    cursor.execute(invariants.ALL[invariant], {"partner": None})
    return cursor.fetchall()
