"""How the money of a charge is shared, through the API."""

from __future__ import annotations

import pytest

from charges.models import Charge
from charges.tests.steps import CARD, DECLINED, charge, charged
from wallets.models import LedgerEntry
from wallets.tests.steps import open_wallet, wallet_of

BOB_10_PERCENT = [{"recipient": "bob", "percentage": "10"}]


@pytest.fixture
def recipients(api):
    open_wallet(api, "bob")
    open_wallet(api, "eve")


def revenue(shown):
    entries = LedgerEntry.objects.filter(transaction__charge_id=shown["id"], account="revenue")
    return list(entries.values_list("amount", flat=True))


def test_amounts_and_percentages_are_paid_out(api, ada, recipients):
    rules = [{"recipient": "bob", "amount": "15.00"}, {"recipient": "eve", "percentage": "12.5"}]

    shown = charged(api, "99.99", split_instructions=rules)

    assert [wallet_of(api, name)["balance"] for name in ("bob", "eve")] == ["15.00", "12.49"]
    assert revenue(shown) == [9999 - 1500 - 1249]


def test_instructions_come_back_as_sent_beside_the_shares(api, ada, recipients):
    rules = [{"recipient": "bob", "amount": "15.0"}, {"recipient": "eve", "percentage": "12.50"}]

    shown = charged(api, "99.99", split_instructions=rules)

    assert shown["split_instructions"] == rules
    assert shown["split_shares"] == [
        {"recipient": "bob", "amount": "15.00"},
        {"recipient": "eve", "amount": "12.49"},
    ]


def test_a_mixed_charge_shares_the_gross_amount(api, poor_ada, recipients, sandbox):
    charged(api, "100.00", payment_method=CARD, split_instructions=BOB_10_PERCENT)

    assert wallet_of(api, "bob")["balance"] == "10.00"


def test_a_failed_charge_shares_nothing(api, poor_ada, recipients, sandbox):
    charged(api, "100.00", payment_method=DECLINED, split_instructions=BOB_10_PERCENT)

    assert wallet_of(api, "bob")["balance"] == "0.00"


def test_a_split_of_everything_leaves_no_revenue(api, ada, recipients):
    shown = charged(api, split_instructions=[{"recipient": "bob", "percentage": "100"}])

    assert revenue(shown) == []
    assert wallet_of(api, "bob")["balance"] == "100.00"


def test_a_share_that_floors_to_nothing_is_shown_and_not_posted(api, ada, recipients):
    rules = [{"recipient": "bob", "percentage": "0.01"}]

    shown = charged(api, "0.50", split_instructions=rules)

    assert shown["split_shares"] == [{"recipient": "bob", "amount": "0.00"}]
    assert revenue(shown) == [50]


def test_a_payer_may_be_a_recipient(api, ada, recipients):
    charged(api, "50.00", split_instructions=[{"recipient": "ada", "percentage": "50"}])

    assert wallet_of(api, "ada")["balance"] == "75.00"


@pytest.mark.parametrize(
    ("currency", "amount", "share"), [("JPY", "999", "124"), ("KWD", "0.999", "0.124")]
)
def test_shares_are_floored_in_the_units_of_the_currency(api, currency, amount, share):
    open_wallet(api, "ada", amount, currency)
    open_wallet(api, "bob", currency=currency)
    rules = [{"recipient": "bob", "percentage": "12.5"}]

    charged(api, amount, currency=currency, split_instructions=rules)

    assert wallet_of(api, "bob")["balance"] == share


def test_a_frozen_recipient_still_gets_its_share(api, ada, recipients):
    api.patch("/wallets/bob", {"is_active": False})

    charged(api, split_instructions=BOB_10_PERCENT)

    assert wallet_of(api, "bob")["balance"] == "10.00"


def both(bob, eve):
    return [{"recipient": "bob"} | bob, {"recipient": "eve"} | eve]


@pytest.mark.parametrize(
    "rules",
    [
        [{"recipient": "bob", "amount": "100.01"}],
        both({"amount": "60.00"}, {"amount": "40.01"}),
        both({"percentage": "60"}, {"percentage": "40.01"}),
        both({"percentage": "60"}, {"amount": "40.01"}),
    ],
)
def test_more_than_the_amount_cannot_be_shared(api, ada, recipients, rules):
    answer = charge(api, split_instructions=rules)

    assert (answer.status_code, answer.json()["code"]) == (422, "split_exceeds_amount")
    assert not Charge.objects.exists()


@pytest.mark.parametrize("currency", [None, "EUR"])
def test_a_recipient_needs_a_wallet_in_the_currency(api, ada, currency):
    if currency:
        open_wallet(api, "bob", currency=currency)

    answer = charge(api, split_instructions=BOB_10_PERCENT)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_recipient")
    assert not Charge.objects.exists()


def test_an_unknown_recipient_of_a_later_charge_is_refused_at_once(api):
    answer = api.post(
        "/charges",
        {"customer_id": "ada", "amount": "1.00", "split_instructions": BOB_10_PERCENT},
        prefer="respond-async",
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_recipient")


@pytest.mark.parametrize(
    "rules",
    [
        both({"amount": "1.00"}, {"amount": "1.00", "recipient": "bob"}),
        [{"recipient": f"r{n}", "percentage": "1"} for n in range(21)],
        [{"recipient": "bob"}],
        [{"recipient": "bob", "amount": "1.00", "percentage": "1"}],
        [{"recipient": "bob", "amount": "0"}],
        [{"recipient": "bob", "amount": "0.001"}],
        [{"recipient": "bob", "percentage": "0"}],
        [{"recipient": "bob", "percentage": "100.01"}],
        [{"recipient": "bob", "percentage": "12.345"}],
        [{"recipient": "bob", "amount": "1.00", "note": "x"}],
        [{"amount": "1.00"}],
        ["bob"],
        {"recipient": "bob", "amount": "1.00"},
        "bob",
    ],
)
def test_what_is_no_list_of_rules_is_refused(api, ada, recipients, rules):
    assert charge(api, split_instructions=rules).status_code == 400
    assert not Charge.objects.exists()


def test_twenty_recipients_are_taken(api, ada):
    for n in range(20):
        open_wallet(api, f"r{n}")
    rules = [{"recipient": f"r{n}", "percentage": "5"} for n in range(20)]

    assert charged(api, split_instructions=rules)["status"] == "succeeded"
