"""A card is charged exactly what the charge says, in every currency there is, or not at all.

The processor's side is read by its own table (devstack/stripe_sandbox/money.py), not by ours.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from charges import card_money
from charges.gateway.client import client
from charges.models import Charge, Refund
from charges.tests.steps import CARD, charged, hear_of_disputes, refund, refunded
from charges.tests.test_reconcile import kinds
from devstack.stripe_sandbox import money as stripes
from wallets import money
from wallets.tests.steps import open_wallet

ALL = sorted(money.currencies())
BY_CARD = [code for code in ALL if card_money.is_supported(code)]
STEPPED = [code for code in BY_CARD if card_money.step(code) > 1]
OTHER_UNITS = ["ISK", "UGX", "MGA"]
AMOUNT = 123_400
"""In minor units: above every minimum, in every step."""


def collected(sandbox):
    """What the processor says that it collected, by currency, in whole units: `1,234.00`."""
    units = sandbox.summary()["succeeded_amount"]
    return {code: stripes.major(amount, code) for code, amount in units.items() if amount}


def whole(text):
    """The number itself: 5.00 ISK there are 5 here."""
    return Fraction(text.replace(",", ""))


@pytest.mark.parametrize("currency", BY_CARD)
def test_a_card_pays_exactly_the_amount(api, sandbox, currency):
    amount = money.to_decimal(AMOUNT, currency)

    shown = charged(api, amount, currency=currency, payment_method=CARD)

    assert (shown["status"], shown["external_amount"]) == ("succeeded", amount)
    ((code, there),) = collected(sandbox).items()
    assert (code, whole(there)) == (currency.lower(), whole(amount))


@pytest.mark.parametrize("currency", sorted(set(ALL) - set(BY_CARD)))
def test_a_currency_without_cards_says_so(api, sandbox, currency):
    shown = charged(api, money.to_decimal(AMOUNT, currency), currency=currency, payment_method=CARD)

    assert (shown["status"], shown["failure"]["code"]) == ("failed", "card_currency_unsupported")
    assert collected(sandbox) == {}


@pytest.mark.parametrize("currency", ["IQD", "LYD", "IRR", "CUP"])
def test_a_wallet_pays_in_a_currency_without_cards(api, sandbox, currency):
    open_wallet(api, "ada", money.to_decimal(AMOUNT, currency), currency)

    shown = charged(api, money.to_decimal(AMOUNT, currency), currency=currency, payment_method=CARD)

    assert (shown["status"], shown["payment_method"]) == ("succeeded", "wallet")


@pytest.mark.parametrize("currency", STEPPED)
def test_an_amount_between_the_steps_says_so(api, sandbox, currency):
    shown = charged(
        api, money.to_decimal(AMOUNT + 1, currency), currency=currency, payment_method=CARD
    )

    assert (shown["status"], shown["failure"]["code"]) == ("failed", "card_amount_unsupported")
    step = money.with_code(card_money.step(currency), currency)
    assert f"steps of {step}" in shown["failure"]["message"]
    assert collected(sandbox) == {}


@pytest.mark.parametrize("currency", STEPPED)
def test_a_wallet_pays_what_is_between_the_steps(api, sandbox, currency):
    open_wallet(api, "ada", money.to_decimal(1, currency), currency)

    shown = charged(
        api, money.to_decimal(AMOUNT + 1, currency), currency=currency, payment_method=CARD
    )

    legs = (shown["wallet_amount"], shown["external_amount"])
    assert (shown["status"], *legs) == (
        "succeeded", money.to_decimal(1, currency), money.to_decimal(AMOUNT, currency),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("currency", "amount"), [("ISK", "10000000000"), ("UGX", "10000000000"), ("USD", "1000000.00")]
)
def test_more_than_a_card_may_be_charged_says_so(api, sandbox, currency, amount):
    shown = charged(api, amount, currency=currency, payment_method=CARD)

    assert (shown["status"], shown["failure"]["code"]) == ("failed", "amount_too_large")


@pytest.mark.parametrize("currency", [*STEPPED, "ISK", "UGX"])
def test_a_card_gets_back_exactly_what_is_refunded(api, sandbox, currency):
    shown = charged(api, money.to_decimal(AMOUNT, currency), currency=currency, payment_method=CARD)
    part = money.to_decimal(AMOUNT // 2, currency)

    made = refunded(api, shown["id"], part)

    intent = Charge.objects.get().external_charge_id
    assert (made["status"], whole(returned(intent, currency))) == ("succeeded", whole(part))


def returned(intent, currency):
    """What the processor says that it refunded, in whole units."""
    listed = client().v1.refunds.list(params={"payment_intent": intent}).data
    return stripes.major(sum(made.amount for made in listed), currency.lower())


@pytest.mark.parametrize("currency", STEPPED)
def test_a_refund_between_the_steps_is_refused(api, sandbox, currency):
    shown = charged(api, money.to_decimal(AMOUNT, currency), currency=currency, payment_method=CARD)

    answer = refund(api, shown["id"], money.to_decimal(1, currency))

    assert (answer.status_code, answer.json()["code"]) == (422, "refund_amount_unsupported")
    assert not Refund.objects.exists()


@pytest.mark.parametrize("currency", OTHER_UNITS)
def test_a_dispute_is_about_the_charges_amount(api, sandbox, currency, now):
    shown = charged(
        api, money.to_decimal(AMOUNT, currency), currency=currency,
        payment_method="pm_card_createDispute",
    )  # fmt: skip

    hear_of_disputes(shown["id"], now)

    assert Charge.objects.get().disputes.get().amount == AMOUNT


@pytest.mark.parametrize("currency", [*STEPPED, *OTHER_UNITS])
def test_both_sides_agree_afterwards(api, sandbox, currency):
    shown = charged(api, money.to_decimal(AMOUNT, currency), currency=currency, payment_method=CARD)
    refunded(api, shown["id"], money.to_decimal(AMOUNT // 2, currency))

    assert kinds() == []
