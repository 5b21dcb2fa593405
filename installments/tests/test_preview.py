from __future__ import annotations

import pytest
from django.apps import apps

from installments import retries

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
