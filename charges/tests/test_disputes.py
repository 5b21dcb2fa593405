"""A cardholder asks the bank for the money back."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from charges import services
from charges.gateway.client import client
from charges.models import Charge, Dispute, ProcessorEvent, Refund, RefundTo
from charges.services import sync_disputes
from charges.tests.steps import (
    CARD,
    charged,
    disputes_of,
    events_of,
    give_back,
    hear,
    hear_of_disputes,
    refund,
    refunded,
)
from conftest import BY
from wallets.models import LedgerEntry, LedgerTransaction
from wallets.tests.steps import open_wallet, race, wallet_of

DISPUTED = "pm_card_createDispute"
ASKED = "pm_card_createDisputeInquiry"


@pytest.fixture
def made(api, poor_ada, sandbox):
    """30.00 from the wallet, 70.00 from a card whose holder disputes; bob has half."""
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "50"}]
    return charged(api, "100.00", payment_method=DISPUTED, split_instructions=split)


@pytest.fixture
def opened(made, now):
    hear_of_disputes(made["id"], now)
    return made


@pytest.fixture
def inquiry(api, poor_ada, sandbox, now):
    made = charged(api, "100.00", payment_method=ASKED)
    hear_of_disputes(made["id"], now)
    return made


def close(made, sandbox, now, status):
    (dispute_id,) = disputes_of(made["id"])
    sandbox.close_dispute(dispute_id, status)
    hear("charge.dispute.closed", dispute_id, now)


def shown(api, made):
    return api.get(f"/charges/{made['id']}").json()


def posted():
    entries = LedgerEntry.objects.filter(transaction__kind="dispute").order_by("id")
    return [(e.account, e.amount) for e in entries]


def test_an_opened_dispute_marks_the_charge_and_nobody_bears_it_yet(api, opened):
    assert (shown(api, opened)["status"], shown(api, opened)["dispute_status"]) == (
        "succeeded",
        "needs_response",
    )
    assert events_of(opened["id"]) == ["charge.succeeded", "charge.disputed"]
    assert posted() == []


def test_a_dispute_keeps_its_deadline_and_reason(opened):
    dispute = Dispute.objects.get()

    assert (dispute.amount, dispute.currency, dispute.reason) == (7000, "USD", "fraudulent")
    assert dispute.evidence_due_at > dispute.opened_at


def test_a_dispute_that_is_won_clears_the_mark(api, opened, sandbox, now):
    close(opened, sandbox, now, "won")

    assert shown(api, opened)["dispute_status"] == "won"
    assert events_of(opened["id"])[-1] == "charge.dispute_closed"
    assert posted() == []
    assert refunded(api, opened["id"])["status"] == "succeeded"


def test_a_dispute_that_is_lost_reverses_the_card_leg_and_its_shares(api, opened, sandbox, now):
    close(opened, sandbox, now, "lost")

    assert shown(api, opened)["dispute_status"] == "lost"
    assert posted() == [("loss", 7000), ("wallet", -3500), ("revenue", -3500)]
    assert wallet_of(api, "bob")["balance"] == "15.00"


def test_a_lost_dispute_is_no_refund(api, opened, sandbox, now):
    close(opened, sandbox, now, "lost")

    assert shown(api, opened)["amount_refunded"] == "0.00"
    assert Charge.objects.get().external_reversed == 7000


def test_after_a_lost_dispute_the_wallet_leg_is_all_that_can_go_back(api, opened, sandbox, now):
    close(opened, sandbox, now, "lost")

    assert refund(api, opened["id"], "30.01").status_code == 422
    assert refunded(api, opened["id"])["wallet_amount"] == "30.00"
    assert wallet_of(api, "bob")["balance"] == "0.00"


def test_a_refund_before_is_not_reversed_twice(api, made, sandbox, now):
    refunded(api, made["id"], "20.00", refund_to="wallet")
    hear_of_disputes(made["id"], now)
    Charge.objects.filter(id=made["id"]).update(external_refunded=0, wallet_refunded=0)
    Charge.objects.filter(id=made["id"]).update(wallet_refunded=2000)

    close(made, sandbox, now, "lost")

    assert posted()[0] == ("loss", 7000)
    assert Dispute.objects.get().loss == 0


def test_a_dispute_of_more_than_is_left_takes_what_is_left_and_the_rest_is_a_loss(
    api, made, sandbox, now
):
    refunded(api, made["id"], "50.00", refund_to="wallet")

    close(made, sandbox, now, "lost")

    dispute = Dispute.objects.get()
    assert (dispute.withdrawn, dispute.external_leg, dispute.loss) == (7000, 5000, 2000)
    assert posted()[0] == ("loss", 5000)


def test_while_it_is_disputed_the_card_leg_cannot_be_refunded(api, opened):
    answer = refund(api, opened["id"], "40.00")

    assert (answer.status_code, answer.json()["code"]) == (409, "charge_disputed")
    assert refund(api, opened["id"], "100.01").json()["code"] == "refund_exceeds_charge"


def test_while_it_is_disputed_the_wallet_leg_can_be_refunded(api, opened):
    assert refunded(api, opened["id"], "10.00")["wallet_amount"] == "10.00"


def test_credit_for_the_disputed_card_leg_is_refused(api, opened):
    assert refund(api, opened["id"], "40.00", refund_to="wallet").status_code == 409


def test_an_inquiry_marks_the_charge_and_moves_nothing(api, inquiry, sandbox, now):
    assert shown(api, inquiry)["dispute_status"] == "warning_needs_response"
    close(inquiry, sandbox, now, "warning_closed")

    assert posted() == []
    assert events_of(inquiry["id"]) == [
        "charge.succeeded", "charge.disputed", "charge.dispute_closed",
    ]  # fmt: skip


def test_during_an_inquiry_the_charge_can_be_refunded(api, inquiry):
    assert refunded(api, inquiry["id"])["status"] == "succeeded"


def test_an_inquiry_that_becomes_a_dispute_is_told_again(api, inquiry, sandbox, now):
    (dispute_id,) = disputes_of(inquiry["id"])
    sandbox.escalate_inquiry(dispute_id)
    hear("charge.dispute.updated", dispute_id, now)
    hear("charge.dispute.funds_withdrawn", dispute_id, now)

    assert shown(api, inquiry)["dispute_status"] == "needs_response"
    assert events_of(inquiry["id"]) == ["charge.succeeded", "charge.disputed", "charge.disputed"]


def test_evidence_that_was_sent_is_under_review(api, opened, now):
    (dispute_id,) = disputes_of(opened["id"])
    client().v1.disputes.update(dispute_id, params={"evidence": {"uncategorized_text": "sent"}})

    hear("charge.dispute.updated", dispute_id, now)

    assert shown(api, opened)["dispute_status"] == "under_review"
    assert events_of(opened["id"]) == ["charge.succeeded", "charge.disputed"]


def test_the_end_without_the_beginning_tells_both(made, sandbox, now):
    close(made, sandbox, now, "lost")

    assert events_of(made["id"]) == [
        "charge.succeeded", "charge.disputed", "charge.dispute_closed",
    ]  # fmt: skip


def test_repeated_and_disordered_callbacks_post_once(opened, sandbox, now):
    (dispute_id,) = disputes_of(opened["id"])
    close(opened, sandbox, now, "lost")

    for type_ in ("created", "funds_withdrawn", "closed", "updated", "closed"):
        hear(f"charge.dispute.{type_}", dispute_id, now)

    assert LedgerTransaction.objects.filter(kind="dispute").count() == 1
    assert events_of(opened["id"]).count("charge.dispute_closed") == 1


def test_eight_callbacks_at_once_post_once(opened, sandbox, now):
    (dispute_id,) = disputes_of(opened["id"])
    sandbox.close_dispute(dispute_id, "lost")

    race(*[lambda: services.sync_dispute(external_id=dispute_id, by=BY, now=now)] * 8)

    assert LedgerTransaction.objects.filter(kind="dispute").count() == 1


def test_a_refund_while_a_dispute_is_being_lost_waits_for_it(made, sandbox, now, monkeypatch):
    (dispute_id,) = disputes_of(made["id"])
    sandbox.close_dispute(dispute_id, "lost")
    refusals = []

    def refund_meanwhile():
        try:
            give_back(made["id"], now, 7000, refund_to=RefundTo.WALLET)
        except services.RefundExceedsCharge as refusal:
            refusals.append(refusal)
        finally:
            connection.close()

    other = threading.Thread(target=refund_meanwhile)
    follow = sync_disputes._follow

    def overtaken(charge, theirs, **actor):
        other.start()
        other.join(0.5)
        return follow(charge, theirs, **actor)

    monkeypatch.setattr(sync_disputes, "_follow", overtaken)
    hear_of_disputes(made["id"], now)
    other.join(20)

    assert len(refusals) == 1
    assert Charge.objects.get().external_reversed == 7000


def test_eight_first_callbacks_at_once_are_one_dispute(made, now):
    (dispute_id,) = disputes_of(made["id"])

    race(*[lambda: services.sync_dispute(external_id=dispute_id, by=BY, now=now)] * 8)

    assert Dispute.objects.count() == 1
    assert events_of(made["id"]).count("charge.disputed") == 1


def test_what_a_recipient_has_spent_is_receivable(api, opened, sandbox, now):
    api.post("/wallets/bob/debit", {"amount": "50.00"})

    close(opened, sandbox, now, "lost")

    assert ("receivable", -3500) in posted()


def test_a_normal_charge_shows_no_dispute(api, poor_ada, sandbox):
    assert charged(api, "100.00", payment_method=CARD)["dispute_status"] is None


def test_what_a_bank_took_of_a_refund_cannot_be_refunded_again_when_that_fails(api, sandbox, now):
    made = charged(api, "70.00", payment_method="pm_card_createDispute")
    sandbox.fault("drop_before", path="/v1/refunds$")
    row = give_back(made["id"], now)
    close(made, sandbox, now, "lost")
    Refund.objects.update(needs_review="asked in vain", next_attempt_at=None)
    services.resolve_refund(refund_id=row.id, outcome="failed", reason="no", by=BY, now=now)

    open_wallet(api, "ada")
    answer = refund(api, made["id"], "70.00", refund_to="wallet")

    assert (answer.status_code, answer.json()["code"]) == (422, "refund_exceeds_charge")
    assert Dispute.objects.get().external_leg == 7000


def test_a_dispute_of_what_failed_here_is_flagged_and_asked_about_no_more(made, now):
    (dispute_id,) = disputes_of(made["id"])
    charge = Charge.objects.filter(id=made["id"])
    kept = charge.values("status", "succeeded_at").get()
    charge.update(status="failed", succeeded_at=None, failed_at=now)

    hear("charge.dispute.created", dispute_id, now)

    flagged, event = charge.get(), ProcessorEvent.objects.get()
    charge.update(failed_at=None, **kept)
    assert dispute_id in flagged.needs_review
    assert event.processed_at
