"""What banks move for disputes is in the ledger, once, and somebody bears it in the end."""

from __future__ import annotations

import pytest

from charges import services
from charges.gateway import disputes as gateway
from charges.gateway.client import client
from charges.models import Charge, Dispute, DisputeMovement, Refund
from charges.services import sync_disputes
from charges.tests.steps import (
    CARD,
    balances,
    charged,
    dispute,
    events_of,
    hear,
    refund_at_the_processor,
    refunded,
)
from conftest import BY
from wallets.models import LedgerTransaction
from wallets.tests.steps import open_wallet, race, wallet_of

FEE = 1500
DISPUTE_EVENTS = ("charge.disputed", "charge.dispute_closed")


@pytest.fixture
def made(api, sandbox):
    """100.00 by card; bob has 40 % of it."""
    open_wallet(api, "ada"), open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "40"}]
    return charged(api, "100.00", payment_method=CARD, split_instructions=split)


def close(dispute_id, sandbox, now, status, **fields):
    sandbox.close_dispute(dispute_id, status, **fields)
    hear("charge.dispute.closed", dispute_id, now)


def opened(made, sandbox, now, **fields):
    dispute_id = dispute(made["id"], sandbox, **fields)
    hear("charge.dispute.created", dispute_id, now)
    return dispute_id


def accounts():
    """The accounts of a charge in USD, in minor units."""
    held = balances()
    names = ("card", "loss", "dispute_fee", "wallet", "revenue")
    return tuple(held.get((name, "USD"), 0) for name in names)


def told(made):
    return [type_ for type_ in events_of(made["id"]) if type_ in DISPUTE_EVENTS]


def test_what_the_bank_withdraws_is_a_loss_until_somebody_bears_it(made, sandbox, now):
    opened(made, sandbox, now)

    assert accounts() == (FEE, -10000, -FEE, 4000, 6000)
    assert Dispute.objects.get().loss == 10000


def test_a_dispute_that_is_won_costs_the_fee_alone(made, sandbox, now):
    close(opened(made, sandbox, now), sandbox, now, "won")

    assert accounts() == (FEE - 10000, 0, -FEE, 4000, 6000)


def test_a_dispute_that_is_lost_is_borne_by_those_who_had_shares(api, made, sandbox, now):
    close(opened(made, sandbox, now), sandbox, now, "lost")

    assert accounts() == (FEE, 0, -FEE, 0, 0)
    assert wallet_of(api, "bob")["balance"] == "0.00"


def test_won_after_lost_gives_recipients_their_part_again(api, made, sandbox, now):
    dispute_id = opened(made, sandbox, now)
    close(dispute_id, sandbox, now, "lost")
    close(dispute_id, sandbox, now, "won")

    assert accounts() == (FEE - 10000, 0, -FEE, 4000, 6000)
    assert wallet_of(api, "bob")["balance"] == "40.00"
    assert Charge.objects.get().external_reversed == 0
    assert told(made) == ["charge.disputed", "charge.dispute_closed", "charge.dispute_closed"]


def test_lost_after_won_is_withdrawn_and_borne_again(made, sandbox, now):
    dispute_id = opened(made, sandbox, now)
    close(dispute_id, sandbox, now, "won")
    close(dispute_id, sandbox, now, "lost")

    assert accounts() == (2 * FEE, 0, -2 * FEE, 0, 0)
    assert Charge.objects.get().dispute_status == "lost"


def test_back_and_forth_and_back_ends_as_it_was_decided_last(made, sandbox, now):
    dispute_id = opened(made, sandbox, now)
    for status in ("lost", "won", "lost", "won"):
        close(dispute_id, sandbox, now, status)

    assert accounts() == (2 * FEE - 10000, 0, -2 * FEE, 4000, 6000)


def test_only_the_last_callback_ends_the_same(made, sandbox, now):
    dispute_id = dispute(made["id"], sandbox)
    sandbox.close_dispute(dispute_id, "lost")
    close(dispute_id, sandbox, now, "won")

    assert accounts() == (FEE - 10000, 0, -FEE, 4000, 6000)
    assert told(made) == ["charge.disputed", "charge.dispute_closed"]


def test_a_part_that_is_given_back_leaves_the_rest_a_loss(made, sandbox, now):
    close(opened(made, sandbox, now), sandbox, now, "won", amount=7000)

    assert accounts() == (FEE - 7000, -3000, -FEE, 4000, 6000)
    assert Dispute.objects.get().loss == 3000


def test_a_part_that_is_disputed_is_all_that_is_borne(made, sandbox, now):
    close(opened(made, sandbox, now, amount=2500), sandbox, now, "lost")

    assert accounts() == (FEE - 7500, 0, -FEE, 3000, 4500)


def test_refunded_in_full_and_then_charged_back_is_a_loss(made, api, sandbox, now):
    refunded(api, made["id"])

    close(opened(made, sandbox, now), sandbox, now, "lost")

    assert accounts() == (10000 + FEE, -10000, -FEE, 0, 0)
    row = Dispute.objects.get()
    assert (row.amount, row.external_leg, row.loss) == (10000, 0, 10000)


def test_a_loss_stays_when_staff_acknowledge_what_is_flagged(made, api, sandbox, now):
    refunded(api, made["id"])
    close(opened(made, sandbox, now), sandbox, now, "lost")

    with pytest.raises(services.NothingToReview):
        services.acknowledge(charge_id=made["id"], reason="seen", by=BY, now=now)

    assert Dispute.objects.get().loss == 10000


def test_what_a_failed_refund_frees_bears_the_lost_dispute(api, sandbox, now):
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "40"}]
    card = "pm_card_refundFail"
    made = charged(api, "100.00", payment_method=card, split_instructions=split)
    refund_id = refunded(api, made["id"])["external_refund_id"]
    close(opened(made, sandbox, now), sandbox, now, "lost")
    assert Dispute.objects.get().loss == 10000

    sandbox.advance_clock(60)
    hear("refund.failed", refund_id, now)

    assert Refund.objects.get().status == "failed"
    assert accounts() == (FEE, 0, -FEE, 0, 0)


def test_a_refund_heard_of_after_a_lost_dispute_takes_its_place(made, sandbox, now):
    refund_id = refund_at_the_processor(made["id"], 3000)
    close(opened(made, sandbox, now), sandbox, now, "lost")
    assert accounts() == (FEE, 0, -FEE, 0, 0)

    hear("refund.created", refund_id, now)

    assert accounts() == (3000 + FEE, -3000, -FEE, 0, 0)
    row = Dispute.objects.get()
    assert (row.external_leg, row.loss) == (7000, 3000)


def test_two_disputes_of_one_charge_take_it_once(made, sandbox, now):
    first = opened(made, sandbox, now)
    second = opened(made, sandbox, now)
    close(first, sandbox, now, "lost")
    close(second, sandbox, now, "lost")

    assert accounts() == (10000 + 2 * FEE, -10000, -2 * FEE, 0, 0)


def test_the_second_loss_is_borne_once_the_first_is_won(made, sandbox, now):
    first, second = opened(made, sandbox, now), opened(made, sandbox, now)
    close(first, sandbox, now, "lost")
    close(second, sandbox, now, "lost")

    close(first, sandbox, now, "won")

    assert accounts() == (2 * FEE, 0, -2 * FEE, 0, 0)


def test_an_inquiry_moves_nothing(made, sandbox, now):
    close(opened(made, sandbox, now, inquiry=True), sandbox, now, "warning_closed")

    assert accounts() == (-10000, 0, 0, 4000, 6000)


@pytest.mark.parametrize("status", ["lost", "won"])
def test_eight_callbacks_at_once_post_each_movement_once(made, sandbox, now, status):
    dispute_id = opened(made, sandbox, now)
    sandbox.close_dispute(dispute_id, status)

    def heard():
        try:
            services.sync_dispute(external_id=dispute_id, by=BY, now=now)
        except sync_disputes.DisputeMoving:
            return False
        return True

    assert any(race(*[heard] * 8))
    kinds = LedgerTransaction.objects.filter(dispute_id__isnull=False).order_by("id")
    expected = {"lost": ["dispute"], "won": ["dispute_funds"]}[status]
    assert [t.kind for t in kinds] == ["dispute_funds", "dispute_fee", *expected]


def test_what_was_fetched_before_somebody_wrote_is_fetched_again(made, sandbox, now, monkeypatch):
    dispute_id = opened(made, sandbox, now)
    sandbox.close_dispute(dispute_id, "lost")
    fetch, late = gateway.retrieve, []

    def overtaken(external_id):
        fetched = fetch(external_id)
        if not late:
            late.append(fetched.status)
            sandbox.close_dispute(dispute_id, "won")
            services.sync_dispute(external_id=dispute_id, by=BY, now=now)
        return fetched

    monkeypatch.setattr(gateway, "retrieve", overtaken)
    services.sync_dispute(external_id=dispute_id, by=BY, now=now)

    assert late == ["lost"]
    assert Charge.objects.get().dispute_status == "won"


@pytest.fixture
def said(monkeypatch):
    """The processor's disputes as a test changes them: what this sandbox cannot say."""

    def change(edit):
        read = gateway._read
        monkeypatch.setattr(gateway, "_read", lambda raw: read(edit(raw.to_dict())))

    return change


def in_euro(data):
    for movement in data["balance_transactions"]:
        movement |= {"currency": "eur", "amount": movement["amount"] * 9 // 10, "fee": 1400}
    return data


def test_what_was_settled_in_another_currency_moves_the_disputed_amount(made, sandbox, now, said):
    said(in_euro)

    opened(made, sandbox, now)

    assert balances()["loss", "USD"] == -10000
    assert (balances()["card", "EUR"], balances()["dispute_fee", "EUR"]) == (1400, -1400)


def without_fee(data):
    for movement in data["balance_transactions"]:
        movement["fee"] = -FEE if movement["amount"] > 0 else movement["fee"]
    return data


def test_a_fee_that_is_returned_is_posted(made, sandbox, now, said):
    said(without_fee)

    close(opened(made, sandbox, now), sandbox, now, "won")

    assert accounts() == (-10000, 0, 0, 4000, 6000)


def test_a_dispute_in_another_currency_is_a_loss_in_that(made, sandbox, now, said):
    said(lambda data: in_euro(data) | {"currency": "eur", "amount": 9000})

    close(opened(made, sandbox, now), sandbox, now, "lost")

    assert balances()["loss", "EUR"] == -9000
    assert Dispute.objects.get().external_leg == 0


def test_the_timeline_tells_what_the_bank_moved_and_who_bore_it(api, made, sandbox, now):
    dispute_id = opened(made, sandbox, now)
    close(dispute_id, sandbox, now, "lost")
    close(dispute_id, sandbox, now, "won")

    entries = api.get(f"/charges/{made['id']}/timeline").json()["entries"]
    text = " ".join(entry["text"] for entry in entries)
    assert f"For dispute {dispute_id} the bank took 100.00 USD, fee 15.00 USD." in text
    assert "come off the card leg. bob gave back 40.00 USD." in text
    assert "come off the card leg no more" in text


def test_a_movement_has_the_time_that_the_processor_says(made, sandbox, now):
    opened(made, sandbox, now)

    theirs = client().v1.disputes.list().data[0].balance_transactions[0]
    row = DisputeMovement.objects.get()
    assert (row.external_id, row.happened_at.timestamp()) == (theirs.id, theirs.created)
