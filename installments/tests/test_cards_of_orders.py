"""Which cards orders keep and ask: named, removed, stopped by a hard decline, the default."""

from __future__ import annotations

from uuid import uuid4

import pytest

from charges import services as charges
from charges.gateway.client import client
from charges.models import Charge, PaymentMethod
from charges.tests.steps import charged, hear
from installments.models import InstallmentOrder
from installments.tests import stories
from installments.tests.stories import BY, VISA, at, parts, statuses
from webhooks.models import Event

TWO = parts((5000, "03-01"), (5000, "04-01"))
BODY = {"customer_id": "ada", "amount": "100.00", "installment_count": 2}


def attach(api, payment_method=VISA, **fields):
    body = {"customer_id": "ada", "payment_method": payment_method, **fields}
    return api.post("/payment-methods", body).json()


def order(api, payment_method=VISA, *, key=None, **fields):
    body = {**BODY, "payment_method": payment_method, **fields}
    return api.post("/installments/orders", body, key=key)


def run(day):
    stories.sweep(at(day))
    stories.collect_cards()


def asked(sandbox):
    return sum(sandbox.summary()["payment_intents"].values())


def refused(api, made):
    return api.get(f"/installments/orders/{made.id}").json()["refused_payment_methods"]


# Named cards are saved -------------------------------------------------------------------------


def test_an_order_saves_the_card_that_it_names_and_every_part_is_paid(agree, sandbox):
    made = agree("ada", TWO, payment_method=VISA)

    run("03-01"), run("04-01")

    assert statuses(made) == ["paid", "paid"]
    assert made.card == PaymentMethod.objects.get().external_id


def test_an_order_on_a_card_on_file_saves_nothing(api, sandbox):
    saved = attach(api)

    shown = order(api, saved["payment_method"]).json()

    assert shown["payment_method"] == saved["payment_method"]
    assert PaymentMethod.objects.count() == 1


def test_a_repeated_order_saves_no_other_card(api, sandbox):
    key = uuid4().hex
    first = order(api, key=key)

    again = order(api, key=key)

    assert again.json() == first.json()
    assert PaymentMethod.objects.count() == 1


def test_a_preview_saves_nothing(api, sandbox):
    answer = api.post("/installments/orders/preview", {**BODY, "payment_method": VISA})

    assert answer.status_code == 200
    assert not PaymentMethod.objects.exists()
    assert client().v1.customers.list().data == []


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_nothing", "unknown_payment_method"),
        ("pm_card_chargeDeclined", "payment_method_declined"),
        ("pm_usBankAccount_success", "payment_method_unusable"),
    ],
)
def test_an_order_on_a_card_that_cannot_be_saved_is_refused(api, sandbox, card, code):
    answer = order(api, card)

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not InstallmentOrder.objects.exists()


def test_an_order_while_stripe_is_away_is_503_and_creates_nothing(api, sandbox):
    sandbox.fault("error_500_before", path="/attach")

    assert order(api).status_code == 503
    assert not InstallmentOrder.objects.exists()


def test_a_changed_order_saves_the_card_that_it_names(api, agree, sandbox):
    made = agree("ada", TWO)

    shown = api.patch(f"/installments/orders/{made.id}", {"payment_method": VISA}).json()
    run("03-01"), run("04-01")

    assert shown["payment_method"] == PaymentMethod.objects.get().external_id
    assert statuses(made) == ["paid", "paid"]


# Cards that are gone ---------------------------------------------------------------------------


def test_a_removed_card_is_never_asked_though_stripe_did_not_detach_it(api, agree, sandbox):
    saved = attach(api)
    made = agree("ada", TWO, payment_method=saved["payment_method"])
    sandbox.fault("error_500_before", path="/detach")
    api.delete(f"/payment-methods/{saved['id']}")

    run("03-01")

    assert (asked(sandbox), refused(api, made)) == (0, [saved["payment_method"]])


def test_the_default_card_is_asked_in_place_of_a_removed_one(api, agree, sandbox):
    saved = attach(api)
    made = agree("ada", TWO, payment_method=saved["payment_method"])
    default = attach(api, "pm_card_mastercard")
    api.delete(f"/payment-methods/{saved['id']}")

    run("03-01")

    assert statuses(made)[0] == "paid"
    assert Charge.objects.get().card == default["payment_method"]


def test_a_charge_whose_card_is_removed_before_it_was_asked_does_not_ask_it(api, agree, sandbox):
    saved = attach(api)
    agree("ada", TWO, payment_method=saved["payment_method"])
    stories.sweep(at("03-01"))
    api.delete(f"/payment-methods/{saved['id']}")

    stories.collect_cards()

    assert (Charge.objects.get().failure_code, asked(sandbox)) == ("card_removed", 0)


def test_a_card_that_stripe_does_not_have_any_more_is_removed_and_told(api, agree, sandbox):
    saved = attach(api)
    made = agree("ada", TWO, payment_method=saved["payment_method"])
    client().v1.payment_methods.detach(saved["payment_method"])
    run("03-01")
    default = attach(api)

    run("03-02")

    assert (
        Event.objects.get(type="payment_method.detached").resource_id
        == PaymentMethod.objects.get(external_id=saved["payment_method"]).id
    )
    assert refused(api, made) == [saved["payment_method"]]
    assert stories.charges_of(made).last().card == default["payment_method"]


# Cards that a hard decline stopped -------------------------------------------------------------


def test_a_stolen_card_is_asked_once_by_all_orders_of_its_customer(api, agree, sandbox):
    saved = attach(api)
    agree("ada", TWO[:1], payment_method=saved["payment_method"])
    sandbox.become(saved["payment_method"], "chargeDeclinedStolenCard")
    run("03-01")

    for _ in range(5):
        agree("ada", TWO[:1], payment_method=saved["payment_method"])
    run("03-02")

    assert asked(sandbox) == 1


def test_orders_that_were_claimed_with_a_card_do_not_ask_it_once_it_is_stopped(api, agree, sandbox):
    saved = attach(api)
    for _ in range(5):
        agree("ada", TWO[:1], payment_method=saved["payment_method"])
    sandbox.become(saved["payment_method"], "chargeDeclinedStolenCard")
    stories.sweep(at("03-01"))

    for charge in Charge.objects.order_by("id"):
        charges.collect(charge_id=charge.id, by=BY, now=at("03-01"))

    assert asked(sandbox) == 1
    assert Charge.objects.filter(failure_code="card_stopped").count() == 4


def test_a_hard_decline_of_a_single_charge_stops_the_card_for_orders(api, agree, sandbox):
    saved = attach(api)
    made = agree("ada", TWO[:1])
    sandbox.become(saved["payment_method"], "chargeDeclinedLostCard")
    charged(api, "5.00", payment_method=saved["payment_method"])

    run("03-01")

    assert (asked(sandbox), refused(api, made)) == (1, [saved["payment_method"]])


def test_another_customers_card_is_not_stopped(api, agree, sandbox):
    saved = attach(api)
    sandbox.become(saved["payment_method"], "chargeDeclinedLostCard")
    charged(api, "5.00", payment_method=saved["payment_method"])
    made = agree("bob", TWO[:1], payment_method=VISA)

    run("03-01")

    assert statuses(made) == ["paid"]


@pytest.mark.parametrize("how", ["attached", "named"])
def test_a_stopped_card_that_is_named_again_is_asked(api, agree, sandbox, how):
    saved = attach(api)
    made = agree("ada", TWO[:1], payment_method=saved["payment_method"])
    sandbox.become(saved["payment_method"], "chargeDeclinedLostCard")
    run("03-01")
    sandbox.become(saved["payment_method"], "visa")
    if how == "attached":
        attach(api, saved["payment_method"])
    else:
        stories.change(made, at("03-01"), payment_method=saved["payment_method"])

    run("03-02")

    assert statuses(made) == ["paid"]


# Wallets that may not be used ------------------------------------------------------------------


def test_a_wallet_in_another_currency_leaves_the_part_to_the_default_card(
    api, agree, wallet, sandbox
):
    wallet("ada", 10_000, currency="USD")
    attach(api)
    made = agree("ada", TWO, currency="EUR")

    run("03-01")

    assert statuses(made)[0] == "paid"


def test_a_preview_counts_on_the_default_card_where_the_wallet_is_frozen(api, wallet, sandbox):
    wallet("ada", 100_000)
    api.patch("/wallets/ada", {"is_active": False})
    attach(api)

    funding = api.post("/installments/orders/preview", BODY).json()["funding"]

    assert (funding["external_amount"], funding["shortfall"]) == ("100.00", "0.00")


# The Stripe customer ---------------------------------------------------------------------------


def test_the_cards_of_a_customer_deleted_at_stripe_are_gone(api, agree, sandbox, now):
    saved = attach(api)
    made = agree("ada", TWO, payment_method=saved["payment_method"])
    holder = PaymentMethod.objects.get().external_customer_id
    client().v1.customers.delete(holder)

    hear("customer.deleted", holder, now)
    run("03-01")

    assert (asked(sandbox), refused(api, made)) == (0, [saved["payment_method"]])
