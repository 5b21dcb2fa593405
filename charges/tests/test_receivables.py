"""What a recipient's wallet lacks when its share goes back is owed, by name, until it is paid."""

from __future__ import annotations

import pytest

from charges.tests.steps import CARD, charged, events_of, hear, refunded
from partners.models import Partner
from wallets.models import LedgerEntry
from wallets.tests.steps import open_wallet, wallet_of

SPLIT = [{"recipient": "bob", "percentage": "40"}]


def spend(api, amount):
    assert api.post("/wallets/bob/debit", {"amount": amount}).status_code == 201


def share(api, card=CARD):
    return charged(api, "100.00", payment_method=card, split_instructions=SPLIT, use_wallet=False)


@pytest.fixture
def indebted(api, sandbox):
    """bob had 40.00 of a charge, spent 25.00, and the charge was refunded: he owes 25.00."""
    open_wallet(api, "ada"), open_wallet(api, "bob")
    made = share(api)
    spend(api, "25.00")
    refunded(api, made["id"])
    return made


@pytest.fixture
def netting(partner):
    Partner.objects.filter(id=partner.id).update(net_receivables=True)


def owed(api):
    bob = wallet_of(api, "bob")
    return bob["balance"], bob["receivable"]


def test_the_wallet_shows_what_it_owes(api, indebted):
    assert owed(api) == ("0.00", "25.00")


def test_the_entry_names_who_owes(indebted):
    assert LedgerEntry.objects.get(account="receivable").owed_by.customer_id == "bob"


def test_nobody_gave_back_what_is_owed(api, indebted):
    entries = api.get(f"/charges/{indebted['id']}/timeline").json()["entries"]
    text = " ".join(entry["text"] for entry in entries)

    assert "bob gave back 15.00 USD and owes 25.00 USD." in text


def test_a_later_credit_is_left_alone_by_itself(api, indebted):
    api.post("/wallets/bob/credit", {"amount": "10.00"})

    assert owed(api) == ("10.00", "25.00")


def test_a_later_credit_pays_where_the_partner_wants_it(api, indebted, netting):
    api.post("/wallets/bob/credit", {"amount": "10.00"})

    assert owed(api) == ("0.00", "15.00")
    entry = api.get("/wallets/bob/ledger").json()["results"][0]
    assert (entry["kind"], entry["transaction_type"], entry["amount"]) == (
        "netting", "debit", "10.00",
    )  # fmt: skip


def test_a_later_share_pays_what_is_owed_and_no_more(api, indebted, netting):
    share(api)

    assert owed(api) == ("15.00", "0.00")


def test_two_debtors_of_one_charge_pay_in_one_transaction(api, indebted, netting):
    open_wallet(api, "eve")
    both = [*SPLIT, {"recipient": "eve", "percentage": "10"}]
    body = {"payment_method": CARD, "split_instructions": both, "use_wallet": False}
    made = charged(api, "100.00", **body)
    api.post("/wallets/eve/debit", {"amount": "10.00"})
    api.post("/wallets/bob/debit", {"amount": "15.00"})
    refunded(api, made["id"])

    charged(api, "100.00", **body)

    assert wallet_of(api, "eve")["receivable"] == "0.00"
    assert owed(api) == ("0.00", "0.00")


def test_a_refund_that_fails_after_its_debt_was_paid_gives_all_of_it(api, sandbox, netting, now):
    open_wallet(api, "ada"), open_wallet(api, "bob")
    made = share(api, "pm_card_refundFail")
    spend(api, "25.00")
    refund_id = refunded(api, made["id"])["external_refund_id"]
    api.post("/wallets/bob/credit", {"amount": "10.00"})

    sandbox.advance_clock(60)
    hear("refund.failed", refund_id, now)

    assert owed(api) == ("25.00", "0.00")
    assert events_of(made["id"]) == ["charge.succeeded", "charge.refunded"]
