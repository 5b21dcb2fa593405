from __future__ import annotations

import pytest
import time_machine
from django.apps import apps

from installments import retries
from installments.models import CollectionPolicy, InstallmentOrder

RULE = {
    "customer_id": "ada",
    "amount": "100.00",
    "installment_count": 3,
    "first_due_date": "2099-01-31",
}


def preview(api, **more):
    answer = api.post("/installments/orders/preview", RULE | more)
    assert answer.status_code == 200, answer.json()
    return answer.json()


def rows():
    names = ("installments", "charges", "wallets", "webhooks")
    models = [model for name in names for model in apps.get_app_config(name).get_models()]
    return [model.objects.count() for model in models]


def test_a_preview_shows_the_parts_that_the_order_will_have(api):
    shown = preview(api)

    order = api.post("/installments/orders", RULE).json()
    agreed = [(p["installment_number"], p["amount"], p["due_date"]) for p in order["installments"]]
    assert agreed == [
        (p["installment_number"], p["amount"], p["due_date"]) for p in shown["installments"]
    ]
    assert [p["due_date"] for p in shown["installments"]] == [
        "2099-01-31", "2099-02-28", "2099-03-31",
    ]  # fmt: skip


def test_a_preview_writes_nothing(api, wallet):
    wallet("ada", 5000)
    before = rows()

    preview(api)

    assert rows() == before


def test_a_preview_needs_no_key(api):
    answer = api.client.post(
        "/installments/orders/preview", RULE, content_type="application/json", **api._headers()
    )

    assert answer.status_code == 200


def test_a_preview_shows_the_shares_of_the_order_and_of_each_part(api, wallet):
    wallet("bob")

    shown = preview(api, split_instructions=[{"recipient": "bob", "percentage": "10"}])

    assert shown["split_shares"] == [{"recipient": "bob", "amount": "10.00"}]
    parts = [part["split_shares"][0]["amount"] for part in shown["installments"]]
    assert sorted(parts) == ["3.33", "3.33", "3.34"]


def test_a_preview_shows_every_retry_date(api):
    (first, *_) = preview(api)["retry_dates"]

    assert first["installment_number"] == 1
    assert first["dates"] == [
        "2099-01-31", "2099-02-01", "2099-02-03", "2099-02-05", "2099-02-07", "2099-02-10",
        "2099-02-14",
    ]  # fmt: skip
    assert len(first["dates"]) == len(retries.STANDARD["offsets"])


@pytest.mark.parametrize(
    ("balance", "card", "legs"),
    [
        (0, None, ("0.00", "0.00", "0.00")),
        (0, "pm_card_visa", ("0.00", "0.00", "100.00")),
        (4000, "pm_card_visa", ("40.00", "40.00", "60.00")),
        (9999, "pm_card_visa", ("99.99", "99.50", "0.50")),
        (10_000, "pm_card_visa", ("100.00", "100.00", "0.00")),
        (50_000, None, ("500.00", "100.00", "0.00")),
    ],
)
def test_funding_is_the_legs_at_todays_balance(api, wallet, balance, card, legs):
    wallet("ada", balance)

    funding = preview(api, **({"payment_method": card} if card else {}))["funding"]

    names = ("wallet_available", "wallet_amount", "external_amount")
    assert tuple(funding[name] for name in names) == legs


def test_a_frozen_wallet_funds_nothing(api, wallet):
    wallet("ada", 10_000)
    api.patch("/wallets/ada", {"is_active": False})

    assert preview(api)["funding"]["wallet_amount"] == "0.00"


def test_a_wallet_in_another_currency_funds_nothing(api, wallet):
    wallet("ada", 10_000, currency="EUR")

    assert preview(api)["funding"]["wallet_available"] == "0.00"


def test_a_saved_default_card_funds_what_the_wallet_lacks(api, sandbox):
    api.post("/payment-methods", {"customer_id": "ada", "payment_method": "pm_card_visa"})

    assert preview(api)["funding"]["external_amount"] == "100.00"


def test_equal_outcomes_have_one_hash(api):
    listed = {
        "schedule": [
            {"amount": "33.34", "due_date": "2099-01-31"},
            {"amount": "33.33", "due_date": "2099-02-28"},
            {"amount": "33.33", "due_date": "2099-03-31"},
        ]
    }
    by_list = {"customer_id": "ada", "amount": "100.00", **listed}

    answer = api.post("/installments/orders/preview", by_list)

    assert answer.json()["preview_hash"] == preview(api)["preview_hash"]


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "100.01"},
        {"installment_count": 4},
        {"first_due_date": "2099-01-30"},
        {"remainder": "last"},
        {"split_instructions": [{"recipient": "bob", "percentage": "10"}]},
    ],
)
def test_another_outcome_has_another_hash(api, wallet, other):
    wallet("bob")

    assert preview(api, **other)["preview_hash"] != preview(api)["preview_hash"]


def create(api, shown, **more):
    return api.post("/installments/orders", RULE | {"preview_hash": shown["preview_hash"]} | more)


def test_an_order_that_is_what_its_preview_showed_is_created(api):
    assert create(api, preview(api)).status_code == 201


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "100.01"},
        {"timezone": "Asia/Tokyo"},
        {"due_hour": 10},
        {"payment_method": "pm_card_visa"},
        {"late_fee": {"amount": "5.00"}},
        {"auto_apply": True},
        {"customer_id": "bob"},
    ],
)
def test_an_order_that_would_differ_from_its_preview_is_refused(api, other):
    answer = create(api, preview(api), **other)

    assert (answer.status_code, answer.json()["code"]) == (409, "preview_outdated")
    assert not InstallmentOrder.objects.exists()


def test_the_same_fee_in_other_words_is_the_same_outcome(api):
    shown = preview(api, late_fee={"amount": "5", "cap": "20.0"})

    assert create(api, shown, late_fee={"amount": "5.00", "cap": 20}).status_code == 201


def test_a_preview_of_another_day_is_outdated(api):
    body = {"customer_id": "ada", "amount": "100.00", "installment_count": 3}
    with time_machine.travel("2026-01-30 12:00Z", tick=False):
        shown = api.post("/installments/orders/preview", body).json()
    with time_machine.travel("2026-01-31 12:00Z", tick=False):
        body |= {"preview_hash": shown["preview_hash"]}
        answer = api.post("/installments/orders", body)

    assert answer.json()["code"] == "preview_outdated"


def test_a_policy_that_changed_since_outdates_the_preview(api, partner):
    shown = preview(api)
    CollectionPolicy.objects.create(partner=partner, name="new", offsets=[0, 2])

    assert create(api, shown).json()["code"] == "preview_outdated"


def test_a_repeated_key_replays_whatever_the_preview_would_be_now(api, partner):
    shown = preview(api)
    body = RULE | {"preview_hash": shown["preview_hash"]}
    first = api.post("/installments/orders", body, key="k")
    CollectionPolicy.objects.create(partner=partner, name="new", offsets=[0, 2])

    again = api.post("/installments/orders", body, key="k")

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


def test_a_preview_shows_what_would_pay_each_part_today(api, wallet):
    wallet("ada", 5000)

    shown = preview(api, payment_method="pm_card_visa", timezone="Europe/Berlin", due_hour=8)

    names = ("wallet_amount", "external_amount", "shortfall")
    assert [tuple(part[name] for name in names) for part in shown["installments"]] == [
        ("33.34", "0.00", "0.00"), ("16.66", "16.67", "0.00"), ("0.00", "33.33", "0.00"),
    ]  # fmt: skip
    assert shown["installments"][0]["due_at"] == "2099-01-31T07:00:00Z"


def test_a_preview_shows_what_nothing_would_pay(api, wallet):
    wallet("ada", 4000)

    shown = preview(api)

    assert shown["funding"] == {
        "wallet_available": "40.00", "wallet_amount": "33.34", "external_amount": "0.00",
        "shortfall": "66.66",
    }  # fmt: skip


def test_a_preview_shows_the_dates_of_the_partners_own_policy(api, partner):
    CollectionPolicy.objects.create(partner=partner, name="rare", offsets=[0, 30])

    assert preview(api)["retry_dates"][0]["dates"] == ["2099-01-31", "2099-03-02"]
