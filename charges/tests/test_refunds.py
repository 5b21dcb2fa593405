"""Giving a charge back: to the card, into the wallet, by those who had a share."""

from __future__ import annotations

from collections import Counter

import pytest

from charges.models import Charge, Refund
from charges.tests.steps import (
    CARD,
    charged,
    events_of,
    refund,
    refunded,
    returned_by_card,
)
from partners import services as partners
from wallets.models import LedgerEntry
from wallets.tests.steps import open_wallet, race, wallet_of

SPLIT = [{"recipient": "bob", "amount": "40.00"}, {"recipient": "carol", "percentage": "10"}]


def code(answer):
    return answer.status_code, answer.json()["code"]


def balances(api, *customers):
    return [wallet_of(api, customer)["balance"] for customer in customers]


def posted(refund_id):
    entries = LedgerEntry.objects.filter(transaction__refund_id=refund_id).order_by("id")
    return [
        (e.account, e.wallet.customer_id if e.wallet else "", e.amount)
        for e in entries.select_related("wallet")
    ]


@pytest.fixture
def mixed(api, poor_ada, sandbox):
    """30.00 from the wallet, 70.00 from the card."""
    return charged(api, "100.00", payment_method=CARD)


@pytest.fixture
def shared(api, poor_ada, sandbox):
    """The same, of which bob has 40.00 and carol 10.00."""
    for recipient in ("bob", "carol"):
        open_wallet(api, recipient)
    return charged(api, "100.00", payment_method=CARD, split_instructions=SPLIT)


def test_without_an_amount_all_of_it_goes_back_each_leg_to_where_it_came_from(api, mixed):
    shown = refunded(api, mixed["id"])

    assert (shown["status"], shown["amount"]) == ("succeeded", "100.00")
    assert (shown["external_amount"], shown["wallet_amount"]) == ("70.00", "30.00")
    assert returned_by_card(mixed["id"]) == [7000]
    assert wallet_of(api, "ada")["balance"] == "30.00"


def test_a_refund_shows_what_belongs_to_it(api, mixed):
    assert list(refunded(api, mixed["id"], "1.00")) == [
        "id", "charge_id", "amount", "currency", "status", "refund_to", "origin", "external_amount",
        "wallet_amount", "external_refund_id", "split_reversals", "reason", "failure",
        "created_at", "updated_at", "succeeded_at", "failed_at",
    ]  # fmt: skip


def test_the_card_comes_first(api, mixed):
    first = refunded(api, mixed["id"], "60.00")
    second = refunded(api, mixed["id"], "20.00")

    assert (first["external_amount"], first["wallet_amount"]) == ("60.00", "0.00")
    assert (second["external_amount"], second["wallet_amount"]) == ("10.00", "10.00")
    assert sorted(returned_by_card()) == [1000, 6000]


def test_the_charge_shows_what_went_back(api, mixed):
    refunded(api, mixed["id"], "60.00")
    partial = api.get(f"/charges/{mixed['id']}").json()
    refunded(api, mixed["id"])
    full = api.get(f"/charges/{mixed['id']}").json()

    assert (partial["amount_refunded"], partial["refund_status"]) == ("60.00", "partial")
    assert (full["amount_refunded"], full["refund_status"]) == ("100.00", "full")
    assert full["status"] == "succeeded"


def test_every_refund_is_one_event_of_the_charge(api, mixed):
    refunded(api, mixed["id"], "60.00")
    refunded(api, mixed["id"], "40.00")

    assert events_of(mixed["id"]) == ["charge.succeeded", "charge.refunded", "charge.refunded"]


def test_to_the_card_goes_at_most_what_came_from_it(api, mixed):
    answer = refund(api, mixed["id"], "70.01", refund_to="card")

    assert code(answer) == (422, "refund_exceeds_charge")
    assert refunded(api, mixed["id"], refund_to="card")["amount"] == "70.00"


def test_into_the_wallet_goes_the_card_leg_too_as_credit(api, mixed):
    shown = refunded(api, mixed["id"], "80.00", refund_to="wallet")

    assert (shown["external_amount"], shown["wallet_amount"]) == ("0.00", "80.00")
    assert returned_by_card() == []
    assert wallet_of(api, "ada")["balance"] == "80.00"


def test_what_went_into_the_wallet_as_credit_cannot_go_to_the_card_again(api, mixed):
    refunded(api, mixed["id"], "80.00", refund_to="wallet")

    assert code(refund(api, mixed["id"], "20.01", refund_to="card"))[0] == 422
    assert refunded(api, mixed["id"], "20.00", refund_to="card")["status"] == "succeeded"


def test_credit_needs_a_wallet(api, sandbox):
    made = charged(api, "10.00", customer_id="nobody", payment_method=CARD)

    assert code(refund(api, made["id"], refund_to="wallet")) == (422, "wallet_required")


def test_credit_needs_a_wallet_in_the_charges_currency(api, ada, sandbox):
    made = charged(api, "10.00", currency="EUR", payment_method=CARD)

    assert code(refund(api, made["id"], refund_to="wallet")) == (409, "currency_mismatch")


def test_a_frozen_wallet_accepts_refunds(api, ada):
    made = charged(api, "60.00")
    api.patch("/wallets/ada", {"is_active": False})

    refunded(api, made["id"])

    assert wallet_of(api, "ada")["balance"] == "100.00"


def test_a_wallet_charge_is_refunded_without_the_processor(api, ada, no_processor):
    made = charged(api, "60.00")

    assert refunded(api, made["id"], "25.00")["status"] == "succeeded"
    assert wallet_of(api, "ada")["balance"] == "65.00"


def test_recipients_give_back_their_part(api, shared):
    shown = refunded(api, shared["id"], "50.00")

    assert shown["split_reversals"] == [
        {"recipient": "bob", "amount": "20.00", "receivable": "0.00"},
        {"recipient": "carol", "amount": "5.00", "receivable": "0.00"},
    ]
    assert balances(api, "bob", "carol") == ["20.00", "5.00"]


def test_the_posting_is_the_charges_in_reverse(api, shared):
    shown = refunded(api, shared["id"])

    assert posted(shown["id"]) == [
        ("card", "", 7000),
        ("wallet", "ada", 3000),
        ("wallet", "bob", -4000),
        ("wallet", "carol", -1000),
        ("revenue", "", -5000),
    ]


def test_what_a_recipient_has_spent_is_receivable_and_the_customer_gets_all(api, shared):
    api.post("/wallets/bob/debit", {"amount": "35.00"})

    shown = refunded(api, shared["id"])

    assert shown["split_reversals"][0] == {
        "recipient": "bob", "amount": "40.00", "receivable": "35.00",
    }  # fmt: skip
    assert ("receivable", "", -3500) in posted(shown["id"])
    assert balances(api, "ada", "bob") == ["30.00", "0.00"]


def test_what_a_recipient_has_on_hold_is_not_taken(api, shared, sandbox):
    sandbox.fault("drop_before", path="/confirm")
    charged(api, "90.00", customer_id="bob", payment_method=CARD)

    shown = refunded(api, shared["id"])

    assert wallet_of(api, "bob")["held"] == "40.00"
    assert shown["split_reversals"][0]["receivable"] == "40.00"


def test_a_payer_who_is_a_recipient_gets_the_rest(api, ada):
    split = [{"recipient": "ada", "percentage": "50"}]
    made = charged(api, "100.00", split_instructions=split)
    api.post("/wallets/ada/debit", {"amount": "50.00"})

    refunded(api, made["id"])

    assert wallet_of(api, "ada")["balance"] == "50.00"


def test_of_four_refunds_of_60_at_once_on_100_one_succeeds(api, mixed):
    answers = race(*[lambda: refund(api, mixed["id"], "60.00")] * 4)

    assert Counter(a.status_code for a in answers) == {201: 1, 422: 3}
    assert returned_by_card() == [6000]


def test_ten_small_refunds_at_once_never_exceed_the_charge(api, ada):
    made = charged(api, "100.00")

    answers = race(*[lambda: refund(api, made["id"], "15.00")] * 10)

    assert Counter(a.status_code for a in answers) == {201: 6, 422: 4}
    assert wallet_of(api, "ada")["balance"] == "90.00"


def test_one_key_from_eight_threads_is_one_refund(api, mixed):
    answers = race(*[lambda: refund(api, mixed["id"], "10.00", key="k")] * 8)

    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert returned_by_card() == [1000]


def test_a_repeated_key_is_the_refund_as_it_now_stands(api, mixed):
    first = refunded(api, mixed["id"], "100.00", key="k")

    again = refund(api, mixed["id"], "100.00", key="k")

    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again["Idempotent-Replayed"] == "true"
    assert returned_by_card() == [7000]


@pytest.mark.parametrize("other", [{"amount": "9.00"}, {"reason": "x"}, {"refund_to": "wallet"}])
def test_a_key_with_another_body_is_refused(api, mixed, other):
    refunded(api, mixed["id"], "10.00", key="k")

    answer = refund(api, mixed["id"], **{"amount": "10.00"} | other, key="k")

    assert code(answer) == (422, "idempotency_key_reused")


def test_a_key_of_another_charges_refund_is_refused(api, mixed, sandbox):
    other = charged(api, "5.00", payment_method=CARD)
    refunded(api, mixed["id"], "1.00", key="k")

    assert code(refund(api, other["id"], "1.00", key="k")) == (422, "idempotency_key_reused")


def test_a_refused_refund_stores_nothing(api, mixed):
    refund(api, mixed["id"], "100.01", key="k")

    assert not Refund.objects.exists()
    assert refunded(api, mixed["id"], "1.00", key="k")["status"] == "succeeded"


def test_a_charge_that_failed_cannot_be_refunded(api):
    made = charged(api, "10.00")

    assert code(refund(api, made["id"])) == (409, "invalid_transition")


def test_a_charge_refunded_in_full_cannot_be_refunded(api, mixed):
    refunded(api, mixed["id"])

    assert code(refund(api, mixed["id"])) == (422, "refund_exceeds_charge")
    assert code(refund(api, mixed["id"], "0.01")) == (422, "refund_exceeds_charge")


def test_refunds_are_listed_newest_first(api, mixed):
    made = [refunded(api, mixed["id"], "1.00")["id"] for _ in range(3)]

    listed = api.get(f"/charges/{mixed['id']}/refunds").json()

    assert [row["id"] for row in listed["results"]] == made[::-1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1.001"}, "amount"),
        ({"refund_to": "cash"}, "refund_to"),
        ({"reason": "x" * 501}, "reason"),
        ({"status": "succeeded"}, "status"),
    ],
)
def test_a_field_is_refused_by_its_name(api, mixed, body, field):
    answer = refund(api, mixed["id"], **body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_null_amount_is_no_way_to_say_all_of_it(api, mixed):
    answer = api.post(f"/charges/{mixed['id']}/refunds", {"amount": None})

    assert answer.status_code == 400
    assert not Refund.objects.exists()


def test_a_refund_needs_its_own_scope(partner, make_api, api, mixed):
    weak = make_api(partner, scopes=["read", "charges:write"])

    assert code(refund(weak, mixed["id"])) == (403, "missing_scope")
    assert weak.get(f"/charges/{mixed['id']}/refunds").status_code == 200


def test_another_partners_charge_cannot_be_refunded(api, mixed, make_api, now):
    other = make_api(partners.create_partner(name="Other", now=now))

    assert code(refund(other, mixed["id"])) == (404, "not_found")


@pytest.mark.parametrize(
    ("currency", "funds", "amount", "share", "parts"),
    [
        ("JPY", "300", "1000", "100", [("333", "333"), ("333", "333"), ("334", "334")]),
        (
            "KWD",
            "1.250",
            "2.500",
            "0.333",
            [("1.000", "1.000"), ("1.005", "1.005"), (None, "0.495")],
        ),
    ],
)
def test_charge_split_and_refund_in_the_units_of_the_currency(
    api, sandbox, currency, funds, amount, share, parts
):
    open_wallet(api, "ada", funds, currency)
    open_wallet(api, "bob", None, currency)
    split = [{"recipient": "bob", "amount": share}]
    made = charged(api, amount, currency=currency, payment_method=CARD, split_instructions=split)

    back = [refunded(api, made["id"], part)["amount"] for part, _ in parts]

    assert back == [want for _, want in parts]
    assert wallet_of(api, "ada")["balance"] == funds
    assert wallet_of(api, "bob")["balance"] == {"JPY": "0", "KWD": "0.000"}[currency]
    assert sum(returned_by_card()) == Charge.objects.get().external_amount


def test_a_card_gets_no_amount_that_it_cannot_get(api, sandbox):
    made = charged(api, "2.500", currency="KWD", customer_id="nobody", payment_method=CARD)

    answer = refund(api, made["id"], "0.125")

    assert code(answer) == (422, "refund_amount_unsupported")
    assert refunded(api, made["id"], "0.120")["status"] == "succeeded"


def test_a_charge_at_the_processors_minimum_is_refunded_in_full(api, ada, sandbox):
    made = charged(api, "100.10", payment_method=CARD)

    shown = refunded(api, made["id"])

    assert (shown["external_amount"], shown["wallet_amount"]) == ("0.50", "99.60")
    assert wallet_of(api, "ada")["balance"] == "100.00"
