"""Refunds when something breaks between us and the processor, or after it said yes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from charges import services
from charges.gateway.client import client
from charges.models import Charge, Refund
from charges.tests.steps import (
    CARD,
    charged,
    complete,
    events_of,
    give_back,
    hear,
    new_refund,
    refund,
    refunded,
    returned_by_card,
)
from conftest import BY
from wallets.models import LedgerTransaction
from wallets.tests.steps import open_wallet, wallet_of

LOST = [
    "drop_before", "drop_after", "error_500_before", "error_500_after", "hang_before", "hang_after",
]  # fmt: skip
NOT_NOW = ["rate_limit_429", "conflict_409", "unauthorized_401"]
REFUNDS = "/v1/refunds$"
LATER = timedelta(hours=2)
anything = pytest.mark.parametrize("action", [*LOST, *NOT_NOW, "garbage"])


@pytest.fixture
def made(request, api, poor_ada, sandbox):
    """30.00 from the wallet, 70.00 from the card, half of it bob's."""
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "50"}]
    made = charged(api, "100.00", payment_method=CARD, split_instructions=split)
    if "hang" in request.node.name:
        request.getfixturevalue("impatient")
    return made


def row(made):
    return Refund.objects.get(id=made.id)


@anything
def test_what_has_no_outcome_is_pending_and_asked_again_in_5_minutes(made, sandbox, now, action):
    sandbox.fault(action, path=REFUNDS)

    refund = give_back(made["id"], now)

    assert refund.status == "pending"
    assert refund.next_attempt_at == now + timedelta(minutes=5)
    assert bool(refund.needs_review) == (action == "garbage")


@anything
def test_while_it_has_no_outcome_its_amounts_are_reserved_and_nothing_is_posted(
    api, made, sandbox, now, action
):
    sandbox.fault(action, path=REFUNDS)

    give_back(made["id"], now)

    charge = Charge.objects.get()
    assert (charge.amount_refunded, charge.wallet_refunded) == (10000, 3000)
    assert not LedgerTransaction.objects.filter(kind="refund").exists()
    assert refund(api, made["id"], "0.01").status_code == 422


@anything
def test_after_a_fault_the_card_gets_it_once(api, made, sandbox, now, action):
    sandbox.fault(action, path=REFUNDS)
    begun = give_back(made["id"], now)

    ended = complete(begun.id, now + LATER)

    assert ended.status == "succeeded"
    assert returned_by_card() == [7000]
    assert wallet_of(api, "ada")["balance"] == "30.00"
    assert events_of(made["id"]) == ["charge.succeeded", "charge.refunded"]


@anything
def test_a_partial_refund_is_not_doubled_by_a_fault(made, sandbox, now, action):
    sandbox.fault(action, path=REFUNDS)
    begun = give_back(made["id"], now, 1000)

    for hours in (1, 2, 3):
        complete(begun.id, now + timedelta(hours=hours))

    assert returned_by_card() == [1000]


@anything
def test_the_clients_retry_gets_the_final_result(made, sandbox, now, action):
    sandbox.fault(action, path=REFUNDS)
    give_back(made["id"], now, 1000, key="k")

    again = services.refund(
        charge_id=made["id"], new=new_refund(1000, key="k"), by=BY, now=now + LATER
    )

    assert (again.refund.status, again.is_replay) == ("succeeded", True)
    assert returned_by_card() == [1000]


@pytest.mark.parametrize("action", ["drop_before", "drop_after", "error_500_after"])
def test_26_hours_without_stripe_refund_once(made, sandbox, now, action):
    sandbox.fault(action, path=REFUNDS)
    begun = give_back(made["id"], now, 1000)
    sandbox.advance_clock(26 * 3600)

    complete(begun.id, now + timedelta(hours=26))

    assert row(begun).status == "succeeded"
    assert returned_by_card() == [1000]


def test_a_500_that_is_stored_under_its_key_does_not_stop_the_next_attempt(made, sandbox, now):
    sandbox.fault("error_500_kept", path=REFUNDS)
    begun = give_back(made["id"], now, 1000)

    complete(begun.id, now + LATER)

    assert row(begun).status == "succeeded"
    assert returned_by_card() == [1000]


def test_another_amount_is_left_to_staff(made, sandbox, now):
    sandbox.fault("wrong_amount", path=REFUNDS)

    begun = give_back(made["id"], now, 1000)

    assert (begun.status, begun.next_attempt_at) == ("pending", None)
    assert "10.01 USD" in begun.needs_review


def test_a_processor_that_never_answers_ends_with_staff(made, sandbox, now):
    sandbox.fault("error_500_before", path="/v1/refunds", times=99)
    sandbox.fault("error_500_before", method="GET", path="/v1/refunds", times=99)
    begun = give_back(made["id"], now, 1000)

    while begun.next_attempt_at and begun.attempts < 20:
        begun = complete(begun.id, begun.next_attempt_at)

    assert (begun.status, begun.attempts) == ("pending", 8)
    assert "without an outcome" in begun.needs_review


def test_a_refund_that_the_processor_refuses_fails_and_restores_the_amounts(
    api, made, sandbox, now
):
    intent_id = Charge.objects.get().external_charge_id
    client().v1.refunds.create(params={"payment_intent": intent_id, "amount": 5000})

    shown = refunded(api, made["id"], "30.00")

    assert (shown["status"], shown["failed_at"] is not None) == ("failed", True)
    assert "greater than unrefunded amount" in shown["failure"]["message"]
    assert api.get(f"/charges/{made['id']}").json()["amount_refunded"] == "0.00"
    assert events_of(shown["id"]) == ["refund.failed"]
    assert events_of(made["id"]) == ["charge.succeeded"]


# Cards that refund late: https://docs.stripe.com/testing#refunds -------------------------------


def test_a_refund_that_is_pending_there_is_pending_here(api, sandbox):
    made = charged(api, "50.00", payment_method="pm_card_pendingRefund")

    shown = refunded(api, made["id"])

    assert (shown["status"], shown["external_refund_id"][:3]) == ("pending", "re_")
    assert events_of(made["id"]) == ["charge.succeeded"]


def test_a_pending_refund_succeeds_when_the_processor_says_so(api, sandbox, now):
    made = charged(api, "50.00", payment_method="pm_card_pendingRefund")
    shown = refunded(api, made["id"])
    sandbox.advance_clock(3600)

    hear("refund.updated", shown["external_refund_id"], now)

    assert Refund.objects.get().status == "succeeded"
    assert events_of(made["id"]) == ["charge.succeeded", "charge.refunded"]


def test_a_pending_refund_succeeds_by_the_sweep_when_the_callback_is_lost(api, sandbox, now):
    made = charged(api, "50.00", payment_method="pm_card_pendingRefund")
    shown = refunded(api, made["id"])
    sandbox.advance_clock(3600)
    Refund.objects.update(next_attempt_at=now)

    assert services.complete_due_refunds(by=BY) == 1
    assert Refund.objects.get(id=shown["id"]).status == "succeeded"


@pytest.fixture
def failed_later(api, sandbox, now):
    """A refund of 100.00 that succeeded, half of it by bob; then the bank sent it back."""
    open_wallet(api, "ada", "30.00")
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "50"}]
    made = charged(api, "100.00", payment_method="pm_card_refundFail", split_instructions=split)
    shown = refunded(api, made["id"])
    assert shown["status"] == "succeeded"
    sandbox.advance_clock(3600)
    return made, shown


def test_a_refund_that_fails_later_restores_the_amounts_and_tells(api, failed_later, now):
    made, shown = failed_later

    hear("refund.failed", shown["external_refund_id"], now)

    failed = api.get(f"/charges/{made['id']}/refunds").json()["results"][0]
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "expired_or_canceled_card")
    assert failed["split_reversals"] == []
    charge = api.get(f"/charges/{made['id']}").json()
    assert (charge["amount_refunded"], charge["refund_status"]) == ("0.00", "none")
    assert events_of(shown["id"]) == ["refund.failed"]


def test_a_refund_that_fails_later_moves_everything_back(api, failed_later, now):
    _, shown = failed_later

    hear("refund.failed", shown["external_refund_id"], now)

    assert [wallet_of(api, c)["balance"] for c in ("ada", "bob")] == ["0.00", "50.00"]


def test_what_the_customer_has_spent_meanwhile_is_receivable(api, failed_later, now):
    _, shown = failed_later
    api.post("/wallets/ada/debit", {"amount": "25.00"})

    hear("refund.failed", shown["external_refund_id"], now)

    posted = LedgerTransaction.objects.get(kind="refund_failed").entries
    assert list(posted.filter(account="receivable").values_list("amount", flat=True)) == [-2500]
    assert wallet_of(api, "ada")["balance"] == "0.00"


def test_it_is_told_of_a_failure_once(api, failed_later, now):
    _, shown = failed_later

    for _ in range(3):
        hear("refund.failed", shown["external_refund_id"], now)
        hear("charge.refund.updated", shown["external_refund_id"], now)

    assert events_of(shown["id"]) == ["refund.failed"]
    assert LedgerTransaction.objects.filter(kind="refund_failed").count() == 1


def test_after_a_failure_it_can_be_refunded_again_into_the_wallet(api, failed_later, now):
    made, shown = failed_later
    hear("refund.failed", shown["external_refund_id"], now)

    again = refunded(api, made["id"], refund_to="wallet")

    assert again["status"] == "succeeded"
    assert [wallet_of(api, c)["balance"] for c in ("ada", "bob")] == ["100.00", "0.00"]


def test_a_refund_that_failed_here_and_succeeded_there_is_flagged(made, sandbox, now):
    sandbox.fault("wrong_amount", path=REFUNDS)
    begun = give_back(made["id"], now, 1000)
    services.resolve_refund(refund_id=begun.id, outcome="failed", reason="lost", by=BY, now=now)
    there = client().v1.refunds.list(params={"limit": 1}).data[0].id
    Refund.objects.filter(id=begun.id).update(external_amount=1001, amount=1001, external_leg=1001)

    hear("refund.updated", there, now)

    assert "succeeded" in row(begun).needs_review
    Refund.objects.filter(id=begun.id).update(external_amount=1000, amount=1000, external_leg=1000)
