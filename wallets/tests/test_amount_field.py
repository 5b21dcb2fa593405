"""Amounts as partners write them, read from the raw JSON."""

from __future__ import annotations

import pytest

from wallets.tests.steps import open_wallet, wallet_of


def credit(api, amount):
    return api.post("/wallets/ada/credit", f'{{"amount": {amount}}}')


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("19.99", "19.99"),
        ('"19.99"', "19.99"),
        ("4.35", "4.35"),
        ("1.10", "1.10"),
        ("0.07", "0.07"),
        ("19", "19.00"),
        ('"007.5"', "7.50"),
        ('"10000000000.00"', "10000000000.00"),
        ("10000000000", "10000000000.00"),
    ],
)
def test_an_amount_is_read_exactly_from_its_text(api, amount, shown):
    open_wallet(api, "ada")

    credit(api, amount)

    assert wallet_of(api, "ada")["balance"] == shown


@pytest.mark.parametrize(
    "amount",
    [
        "0", '"0.00"', "-1", '"-1"', "1e2", "1.5e1", '"1e2"', "true", "null", "[]", "{}", '""',
        '" 5 "', '"1_000"', '"\u0661\u0662"', '"NaN"', "10000000000.01", '"10000000001"', "1" * 40,
    ],
)  # fmt: skip
def test_anything_else_is_refused_at_its_field(api, amount):
    open_wallet(api, "ada")

    answer = credit(api, amount)

    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert [error["field"] for error in answer.json()["errors"]] == ["amount"]


@pytest.mark.parametrize("amount", ["NaN", "-Infinity", "01", "+1", ".5"])
def test_what_is_no_json_number_is_no_body(api, amount):
    open_wallet(api, "ada")

    answer = credit(api, amount)

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_a_number_of_five_thousand_digits_is_refused(api):
    open_wallet(api, "ada")

    assert credit(api, "1" * 5000).status_code == 400


@pytest.mark.parametrize(
    ("currency", "amount"),
    [("USD", "0.001"), ("USD", "19.990"), ("JPY", "1.0"), ("JPY", '"500.00"'), ("KWD", "1.2345")],
)
def test_more_decimals_than_the_currency_has_have_their_own_code(api, currency, amount):
    open_wallet(api, "ada", currency=currency)

    answer = credit(api, amount)

    assert (answer.status_code, answer.json()["code"]) == (400, "amount_precision")


@pytest.mark.parametrize(
    ("currency", "amount", "shown"), [("JPY", "500", "500"), ("KWD", "1.25", "1.250")]
)
def test_an_amount_is_shown_at_the_exponent_of_its_currency(api, currency, amount, shown):
    open_wallet(api, "ada", currency=currency)

    assert credit(api, amount).json()["amount"] == shown


def test_a_refused_amount_moves_no_money(api):
    open_wallet(api, "ada", "1.00")

    credit(api, "0.001")

    assert wallet_of(api, "ada")["balance"] == "1.00"


def test_a_missing_amount_is_refused(api):
    open_wallet(api, "ada")

    answer = api.post("/wallets/ada/credit", {"description": "a gift"})

    assert answer.json()["errors"][0] | {"detail": ""} == {
        "field": "amount", "code": "required", "detail": "",
    }  # fmt: skip
