"""Each part is at least what a card can be charged in the currency."""

from __future__ import annotations

import pytest

BODY = {"customer_id": "ada", "first_due_date": "2099-01-31"}


def refused(api, **body):
    answer = api.post("/installments/orders", BODY | body)
    assert answer.status_code == 400, answer.json()
    (error,) = answer.json()["errors"]
    return error["field"], error["code"], error["detail"]


@pytest.mark.parametrize(
    ("currency", "amount", "least"),
    [("USD", "1.49", "0.50 USD"), ("JPY", "149", "50 JPY"), ("HUF", "524.99", "175.00 HUF")],
)
def test_an_amount_that_is_too_little_for_so_many_parts_is_refused(api, currency, amount, least):
    assert refused(api, amount=amount, currency=currency, installment_count=3) == (
        "amount", "amount_too_small", f"Each part is at least {least}.",
    )  # fmt: skip


def test_the_least_amount_is_accepted(api):
    answer = api.post("/installments/orders", BODY | {"amount": "1.50", "installment_count": 3})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("currency", "amount", "less"),
    [("VND", "3", "2"), ("ISK", "3", "2"), ("KWD", "0.030", "0.029"), ("MGA", "3.00", "2.99")],
)
def test_a_currency_without_a_minimum_takes_a_step_a_part(api, currency, amount, less):
    body = BODY | {"amount": amount, "currency": currency, "installment_count": 3}

    assert api.post("/installments/orders", body).status_code == 201
    assert refused(api, amount=less, currency=currency, installment_count=3)[:2] == (
        "amount", "amount_too_small",
    )  # fmt: skip


def test_a_down_payment_is_a_part_too(api):
    field, code, _ = refused(api, amount="10.00", down_payment="0.49", installment_count=3)

    assert (field, code) == ("down_payment", "amount_too_small")


def test_so_is_each_part_of_a_list(api):
    listed = [
        {"amount": "9.60", "due_date": "2099-01-31"}, {"amount": "0.40", "due_date": "2099-02-28"},
    ]  # fmt: skip
    answer = api.post(
        "/installments/orders", {"customer_id": "ada", "amount": "10.00", "schedule": listed}
    )

    assert answer.json()["errors"][0]["field"] == "schedule[1].amount"


def test_a_down_payment_of_all_or_more_is_refused(api):
    for down_payment in ("10.00", "10.01"):
        field, code, _ = refused(
            api, amount="10.00", down_payment=down_payment, installment_count=3
        )
        assert (field, code) == ("down_payment", "down_payment_too_large")
