"""Parts are amounts that a card can pay: orders may fall back to one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charges import card_money
from charges.models import Charge
from installments import planning, retries, schedule
from installments.planning import NewOrder, Rule
from installments.schedule import Remainder
from installments.tests.stories import at, change, collect_cards, part, pay_off, statuses, sweep
from wallets import money

STEPPED = sorted(code for code in money.currencies() if card_money.step(code) > 1)
WITHOUT_CARDS = ["IQD", "LYD", "IRR", "CUP"]
CARD = "pm_card_visa"
BODY = {"customer_id": "ada", "first_due_date": "2099-01-31"}
few = settings(deadline=None, max_examples=100)


def listed(*amounts):
    return [
        {"amount": amount, "due_date": f"2099-0{place}-28"}
        for place, amount in enumerate(amounts, 1)
    ]


def refused(api, **body):
    answer = api.post("/installments/orders", BODY | body)
    assert answer.status_code == 422, answer.json()
    (error,) = answer.json()["errors"]
    assert answer.json()["code"] == error["code"]
    return error["field"], error["code"]


@pytest.mark.parametrize("currency", STEPPED)
@few
@given(total=st.integers(1, 10**9), count=st.integers(1, 60), remainder=st.sampled_from(Remainder))
def test_parts_are_in_steps_but_the_one_that_takes_what_is_between(
    currency, total, count, remainder
):
    step = card_money.step(currency)
    total += step * count

    parts = schedule.amounts(total, count, remainder, step)

    assert (sum(parts), min(parts) >= step) == (total, True)
    taker = parts.pop(-1 if remainder == Remainder.LAST else 0)
    assert [amount % step for amount in parts] == [0] * (count - 1)
    assert taker % step == total % step


@pytest.mark.parametrize("currency", STEPPED)
@few
@given(st.integers(1, 10**6), st.integers(1, 60), st.sampled_from(Remainder))
def test_spread_parts_differ_by_at_most_a_step(currency, steps, count, remainder):
    step = card_money.step(currency)
    rule = Rule(count=count, remainder=Remainder.SPREAD)
    new = NewOrder("ada", (steps + count) * step, currency, rule, payment_method=CARD)

    agreed = planning.plan(new, policy=retries.STANDARD, now=at("01-31"))

    amounts = [part.amount for part in agreed.parts]
    assert amounts[0] - amounts[-1] in (0, step)


@pytest.mark.parametrize(
    ("remainder", "parts"),
    [
        ("spread", ["3.340", "3.330", "3.330"]),
        ("first", ["3.340", "3.330", "3.330"]),
        ("last", ["3.330", "3.330", "3.340"]),
    ],
)
def test_ten_dinars_in_three(api, sandbox, remainder, parts):
    order = api.post(
        "/installments/orders",
        BODY | {"amount": "10.000", "currency": "KWD", "installment_count": 3,
                "remainder": remainder},
    ).json()  # fmt: skip

    assert [part["amount"] for part in order["installments"]] == parts


@pytest.mark.parametrize(
    ("remainder", "parts"),
    [
        ("spread", ["3.345", "3.330", "3.330"]),
        ("first", ["3.345", "3.330", "3.330"]),
        ("last", ["3.330", "3.330", "3.345"]),
    ],
)
def test_without_a_card_one_part_takes_what_is_between_the_steps(api, remainder, parts):
    order = api.post(
        "/installments/orders",
        BODY | {"amount": "10.005", "currency": "KWD", "installment_count": 3,
                "remainder": remainder},
    ).json()  # fmt: skip

    assert [part["amount"] for part in order["installments"]] == parts


def test_a_part_of_the_agreed_size_may_be_named(api):
    for amount, status in (("3.340", 201), ("3.330", 201), ("3.350", 400), ("3.310", 400)):
        body = {"amount": "10.000", "currency": "KWD", "installment_count": 3}
        answer = api.post("/installments/orders", BODY | body | {"installment_amount": amount})
        assert (amount, answer.status_code) == (amount, status)


@pytest.mark.parametrize("currency", STEPPED)
@pytest.mark.parametrize("path", ["/installments/orders", "/installments/orders/preview"])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("amount", {"amount": 12_001, "installment_count": 3}),
        ("down_payment", {"amount": 12_000, "down_payment": 1_001, "installment_count": 3}),
        ("installment_amount", {"amount": 12_000, "installment_amount": 4_001,
                                "installment_count": 3}),
    ],
)  # fmt: skip
def test_a_named_card_and_an_amount_between_the_steps_are_refused(api, currency, path, name, body):
    body = {
        key: value if key == "installment_count" else money.to_decimal(value, currency)
        for key, value in body.items()
    }
    if path.endswith("preview"):
        answer = api.post(path, BODY | body | {"currency": currency, "payment_method": CARD})
        assert answer.json()["errors"][0]["field"] == name
    else:
        found = refused(api, currency=currency, payment_method=CARD, **body)
        assert found == (name, "card_amount_unsupported")


def test_a_list_that_a_named_card_cannot_pay_names_the_part(api):
    body = {"customer_id": "ada", "amount": "10.000", "currency": "KWD", "payment_method": CARD}

    answer = api.post("/installments/orders", body | {"schedule": listed("5.005", "4.995")})

    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("schedule[0].amount", "card_amount_unsupported")


def test_a_list_without_a_card_is_taken_as_it_is(api):
    body = {"customer_id": "ada", "amount": "10.000", "currency": "KWD"}

    answer = api.post("/installments/orders", body | {"schedule": listed("5.005", "4.995")})

    assert answer.status_code == 201


@pytest.mark.parametrize("currency", WITHOUT_CARDS)
def test_a_currency_without_cards_takes_no_named_card(api, currency):
    body = {
        "amount": money.to_decimal(12_000, currency),
        "installment_count": 3,
        "currency": currency,
    }

    assert refused(api, payment_method=CARD, **body) == (
        "payment_method", "card_currency_unsupported",
    )  # fmt: skip


@pytest.mark.parametrize("currency", WITHOUT_CARDS)
def test_a_currency_without_cards_is_collected_from_the_wallet(agree, wallet, currency):
    wallet("ada", 12_000, currency)
    order = agree("ada", Rule(count=1), amount=12_000, currency=currency)

    sweep(at("02-05"))

    assert statuses(order) == ["paid"]


@pytest.mark.parametrize("currency", STEPPED)
def test_a_card_pays_every_part_and_the_rest_at_once(agree, sandbox, currency):
    order = agree("ada", Rule(count=3), amount=10_000, currency=currency, payment_method=CARD)

    sweep(at("02-05"))
    collect_cards()
    pay_off(order, at("02-06"))

    assert statuses(order) == ["paid"] * 3
    assert sum(Charge.objects.values_list("external_amount", flat=True)) == 10_000


def test_a_card_of_the_customer_cannot_pay_the_part_between_the_steps(agree, sandbox):
    order = agree("ada", Rule(count=3), amount=10_005, currency="KWD")
    change_card(order)

    sweep(at("02-05"))
    collect_cards()

    assert part(order).charge.failure_code == "card_amount_unsupported"


def change_card(order):
    order.card = CARD
    order.save(update_fields=["card"])


def test_a_wallet_that_helps_with_that_part_lets_the_card_pay(agree, wallet, sandbox):
    wallet("ada", 5, "KWD")
    order = agree("ada", Rule(count=3), amount=10_005, currency="KWD")
    change_card(order)

    sweep(at("02-05"))
    collect_cards()

    assert statuses(order)[0] == "paid"


@pytest.mark.parametrize(
    ("currency", "amount", "code"),
    [("KWD", 10_005, "CardAmountUnsupported"), ("IQD", 10_000, "CardCurrencyUnsupported")],
)
def test_a_card_is_not_named_later_either(agree, sandbox, currency, amount, code):
    order = agree("ada", Rule(count=3), amount=amount, currency=currency)

    with pytest.raises(getattr(planning, code)):
        change(order, at("01-02"), payment_method=CARD)


@pytest.mark.parametrize("currency", [*STEPPED, *WITHOUT_CARDS])
def test_a_preview_shows_what_no_card_pays_as_shortfall(api, currency):
    body = {
        "amount": money.to_decimal(12_001, currency),
        "currency": currency,
        "installment_count": 1,
    }

    shown = api.post("/installments/orders/preview", BODY | body).json()

    assert shown["funding"]["shortfall"] == money.to_decimal(12_001, currency)
