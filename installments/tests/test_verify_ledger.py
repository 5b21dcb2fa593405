"""`verify_ledger` finds what no code could have written about orders."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from foundation.constraints import violated
from installments.models import Installment, InstallmentOrder, Revision
from installments.tests import stories
from installments.tests.stories import at, parts
from wallets import money
from wallets.tests.corruption import corrupted, found_broken

FIXED = [{"recipient": "bob", "amount": "20"}]
SPLIT = [{"recipient": "bob", "percentage": "10"}]
THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "05-01"))
PART, ORDER, CHARGE = (
    "installments_installment", "installments_installmentorder", "charges_charge",
)  # fmt: skip
OPEN = "SET status = 'processing', succeeded_at = NULL, next_attempt_at = now()"
BROKEN_BY = {
    "installments sum to the order": (ORDER, "SET amount = amount + 1 WHERE status = 'active'"),
    "amount paid equals the paid installments": (
        ORDER, "SET amount_paid = 1 WHERE status = 'active'",
    ),
    "a paid installment has exactly one succeeded charge: its own, or one that paid off": (
        PART, "SET status = 'pending', paid_at = NULL WHERE status = 'paid'",
    ),
    "a succeeded charge of an order is the sum of what it paid, late fees apart": (
        PART, "SET late_fee = late_fee + 1 WHERE status = 'paid'",
    ),
    "an installment is processing exactly while its charge is open": (CHARGE, OPEN),
    "a charge of an installment has its shares": (PART, "SET split_shares = '[]'"),
    "a charge that paid off has the shares of what it paid": (PART, "SET split_shares = '[]'"),
    "only installments of active orders wait to be collected": (
        ORDER, "SET status = 'canceled', canceled_at = now() WHERE status = 'active'",
    ),
    "what is given up or paused asks no card": (CHARGE, OPEN),
    "a charge whose part was reopened is no part's charge": (CHARGE, "SET reopened_at = now()"),
    "nothing of an order that was given up is unpaid": (
        ORDER, "SET status = 'canceled', canceled_at = now() WHERE status = 'active'",
    ),
    "revisions are numbered without gaps": ("installments_revision", "SET number = number + 1"),
    "an order is past due exactly while something is": (ORDER, "SET past_due = NOT past_due"),
}  # fmt: skip


@pytest.fixture
def story(agree, wallet, sandbox):
    """A part paid by itself, one waiting; an order canceled after its first part; another one that
    was rescheduled, then paid off.
    """
    wallet("bob"), wallet("ada", 50_000)
    waiting = agree("ada", THREE, split_instructions=SPLIT)
    ended = agree("ada", THREE)
    stories.sweep(at("03-01"))
    stories.cancel(ended, at("03-01"))
    other = agree("ada", THREE, split_instructions=SPLIT)
    stories.reschedule(stories.part(other, 3), "2024-06-01", at("03-01"))
    stories.pay_off(other, at("03-01"))
    return waiting


@pytest.mark.parametrize("invariant", BROKEN_BY)
def test_a_broken_invariant_is_found_with_its_row(story, invariant):
    table, change = BROKEN_BY[invariant]

    with corrupted(table, f"UPDATE {table} {change}"):
        assert found_broken()[invariant]


def test_the_database_refuses_two_open_charges_of_one_installment(story):
    second = f"""INSERT INTO {CHARGE} SELECT (json_populate_record(c, json_build_object(
        'id', gen_random_uuid(), 'status', 'pending', 'succeeded_at', NULL,
        'next_attempt_at', now()))).* FROM {CHARGE} c WHERE c.installment_id IS NOT NULL"""

    with pytest.raises(IntegrityError) as refusal, corrupted(CHARGE, second):
        pass

    assert violated(refusal.value) == "charges_charge_one_live_per_installment"


def test_the_database_refuses_two_charges_that_pay_off_an_order(story):
    second = f"""INSERT INTO {CHARGE} SELECT (json_populate_record(c, json_build_object(
        'id', gen_random_uuid()))).* FROM {CHARGE} c WHERE c.installment_id IS NULL"""

    with pytest.raises(IntegrityError) as refusal, corrupted(CHARGE, second):
        pass

    assert violated(refusal.value) == "charges_charge_one_live_pay_off_per_order"


def test_the_database_refuses_to_rewrite_revisions(story):
    with pytest.raises(IntegrityError):
        Revision.objects.update(reason="never")
    with pytest.raises(IntegrityError):
        Revision.objects.all().delete()


def test_the_story_itself_is_proven(story):
    assert InstallmentOrder.objects.filter(status="completed").count() == 1
    assert Installment.objects.filter(status="paid").count() == 5
    assert not found_broken()


@pytest.mark.parametrize("currency", ["BGN", "ANG", "BYR", "HRK", "USD"])
def test_shares_in_a_withdrawn_currency_are_proven(agree, wallet, monkeypatch, currency):
    now_in_use = money.currencies() | {currency: money.exponent(currency)}
    monkeypatch.setattr(money, "currencies", lambda: now_in_use)
    wallet("bob", 0, currency)
    order = agree("ada", parts((3000, "03-01")), currency=currency, split_instructions=FIXED)
    monkeypatch.undo()
    InstallmentOrder.objects.filter(id=order.id).update(
        split_instructions=[{"recipient": "bob", "amount": "19"}]
    )

    assert set(found_broken()) == {"the shares of an order's parts are the order's"}

    InstallmentOrder.objects.filter(id=order.id).update(split_instructions=FIXED)
