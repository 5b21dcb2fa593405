"""One charge, from its request to its outcome."""

from __future__ import annotations

import json

import pytest

from charges.models import Charge
from charges.tests.steps import CARD, DECLINED, NOT_PAID, charge, charged, end_of, paid
from wallets.models import LedgerEntry
from wallets.tests.steps import open_wallet, wallet_of
from webhooks.models import Event


def legs_of(shown):
    return shown["payment_method"], shown["wallet_amount"], shown["external_amount"]


def posted(shown):
    lines = LedgerEntry.objects.filter(transaction__charge_id=shown["id"])
    return sorted(lines.values_list("account", "amount"))


def test_a_wallet_that_covers_it_pays_alone(api, ada, no_processor):
    shown = charged(api, "100.00", payment_method=CARD)

    assert (shown["status"], legs_of(shown)) == ("succeeded", ("wallet", "100.00", "0.00"))
    assert wallet_of(api, "ada")["balance"] == "0.00"


def test_a_customer_without_a_wallet_pays_by_card(api, sandbox):
    shown = charged(api, "100.00", payment_method=CARD)

    assert (shown["status"], legs_of(shown)) == ("succeeded", ("external", "0.00", "100.00"))
    assert end_of(shown["id"]) == paid(10000)


def test_a_wallet_and_a_card_pay_together(api, poor_ada, sandbox):
    shown = charged(api, "100.00", payment_method=CARD)

    assert (shown["status"], legs_of(shown)) == ("succeeded", ("wallet+external", "30.00", "70.00"))
    assert end_of(shown["id"]) == paid(7000)
    assert wallet_of(api, "ada")["balance"] == "0.00"


def test_a_mixed_charge_posts_both_legs_and_revenue(api, poor_ada, sandbox):
    shown = charged(api, "100.00", payment_method=CARD)

    assert posted(shown) == [("card", -7000), ("revenue", 10000), ("wallet", -3000)]


def test_a_declined_card_fails_the_charge(api, poor_ada, sandbox):
    answer = charge(api, "100.00", payment_method=DECLINED)

    assert (answer.status_code, answer.json()["status"]) == (201, "failed")
    assert end_of(answer.json()["id"]) == NOT_PAID


def test_a_declined_card_costs_the_wallet_nothing(api, poor_ada, sandbox):
    charged(api, "100.00", payment_method=DECLINED)

    after = wallet_of(api, "ada")
    assert [after[name] for name in ("balance", "held", "available")] == ["30.00", "0.00", "30.00"]


def test_a_declined_charge_tells_so_once_as_the_api_shows_it(api, poor_ada, sandbox):
    shown = charged(api, "100.00", payment_method=DECLINED)

    (told,) = Event.objects.filter(resource_id=shown["id"])
    assert told.type == "charge.failed"
    assert json.loads(told.data) == shown


def test_a_short_wallet_without_a_card_is_insufficient_funds(api, poor_ada):
    shown = charged(api, "30.01")

    assert (shown["status"], shown["failure"]["code"]) == ("failed", "insufficient_funds")
    assert legs_of(shown) == (None, "0.00", "0.00")


def test_neither_wallet_nor_card_is_insufficient_funds(api):
    assert charged(api)["failure"]["code"] == "insufficient_funds"


def test_use_wallet_false_leaves_the_wallet_alone(api, ada, sandbox):
    shown = charged(api, "10.00", payment_method=CARD, use_wallet=False)

    assert legs_of(shown) == ("external", "0.00", "10.00")
    assert wallet_of(api, "ada")["balance"] == "100.00"


def test_use_wallet_false_without_a_card_is_insufficient_funds(api, ada):
    assert charged(api, "10.00", use_wallet=False)["failure"]["code"] == "insufficient_funds"


def test_a_wallet_in_another_currency_is_not_used(api, ada, sandbox):
    shown = charged(api, "10.00", currency="EUR", payment_method=CARD)

    assert legs_of(shown) == ("external", "0.00", "10.00")
    assert wallet_of(api, "ada")["balance"] == "100.00"


def test_a_frozen_wallet_funds_nothing(api, ada, sandbox):
    api.patch("/wallets/ada", {"is_active": False})

    shown = charged(api, "10.00", payment_method=CARD)

    assert legs_of(shown) == ("external", "0.00", "10.00")


def test_the_card_minimum_shrinks_the_wallet_leg(api, ada, sandbox):
    shown = charged(api, "100.10", payment_method=CARD)

    assert legs_of(shown) == ("wallet+external", "99.60", "0.50")
    assert wallet_of(api, "ada")["balance"] == "0.40"


@pytest.mark.parametrize(
    ("currency", "funds", "amount", "legs"),
    [
        ("JPY", "300", "1000", ("wallet+external", "300", "700")),
        ("JPY", "990", "1000", ("wallet+external", "950", "50")),
        ("KWD", "1.250", "2.500", ("wallet+external", "1.250", "1.250")),
    ],
)
def test_legs_are_in_the_units_of_the_currency(api, sandbox, currency, funds, amount, legs):
    open_wallet(api, "ada", funds, currency)

    shown = charged(api, amount, currency=currency, payment_method=CARD)

    assert (shown["status"], legs_of(shown)) == ("succeeded", legs)


def test_a_card_that_cannot_take_the_amount_exactly_says_so(api, sandbox):
    shown = charged(api, "5.123", currency="KWD", payment_method=CARD)

    assert shown["failure"]["code"] == "card_amount_unsupported"
    assert "steps of 0.010 KWD" in shown["failure"]["message"]


def test_19_99_is_charged_as_19_99(api, sandbox):
    shown = api.post(
        "/charges", '{"customer_id": "ada", "amount": 19.99, "payment_method": "pm_card_visa"}'
    ).json()

    assert shown["amount"] == "19.99"
    assert end_of(shown["id"]) == paid(1999)


def test_a_charge_shows_what_the_contract_names(api, ada):
    assert list(charged(api)) == [
        "id", "customer_id", "amount", "currency", "status", "payment_method", "wallet_amount",
        "external_amount", "external_charge_id", "split_instructions", "split_shares",
        "late_fee", "installment_id", "installment_order_id", "description", "metadata", "failure",
        "next_action", "amount_refunded", "refund_status", "dispute_status", "created_at",
        "updated_at", "succeeded_at", "failed_at",
    ]  # fmt: skip


def test_a_charge_keeps_description_and_metadata_as_sent(api, ada):
    words = {"description": "tea", "metadata": {"cart": {"n": [1, "é", None, True]}}}

    shown = charged(api, **words)

    assert {name: shown[name] for name in words} == words


def test_the_terminal_event_is_the_charge_as_answered(api, poor_ada, sandbox):
    shown = charged(api, payment_method=CARD, metadata={"a": 1})

    (told,) = Event.objects.filter(resource_id=shown["id"])
    assert json.loads(told.data) == shown


def test_a_charge_can_be_read_again(api, poor_ada, sandbox):
    shown = charged(api, payment_method=CARD)

    assert api.get(f"/charges/{shown['id']}").json() == shown


def test_the_charge_names_its_intent(api, sandbox):
    assert charged(api, payment_method=CARD)["external_charge_id"].startswith("pi_")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"currency": "usd"}, "currency"),
        ({"customer_id": "a b"}, "customer_id"),
        ({"payment_method": "card_1"}, "payment_method"),
        ({"payment_method": 4}, "payment_method"),
        ({"use_wallet": "no"}, "use_wallet"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {str(n): n for n in range(51)}}, "metadata"),
        ({"description": "x" * 501}, "description"),
        ({"status": "succeeded"}, "status"),
        ({"wallet_amount": "1.00"}, "wallet_amount"),
    ],
)
def test_a_field_is_refused_by_its_name(api, body, field):
    answer = charge(api, **{"amount": "1.00"} | body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not Charge.objects.exists()


def test_a_card_number_is_refused_anywhere(api):
    answer = charge(api, description="4242 4242 4242 4242")

    assert (answer.status_code, answer.json()["code"]) == (400, "card_data_not_accepted")
