"""The card can change, and whether credits settle late parts; a card that hard declines stop."""

from __future__ import annotations

import pytest

from charges.models import PaymentMethod
from installments.models import InstallmentOrder
from installments.tests import stories
from installments.tests.stories import VISA, at, event_types, parts, revisions, statuses

TWO = parts((5000, "03-01"), (5000, "04-01"))
LOST = "pm_card_chargeDeclinedLostCard"
EXPIRED = "pm_card_chargeDeclinedExpiredCard"


def named(order):
    """The card that the order asks now."""
    return InstallmentOrder.objects.get(id=order.id).card


def run(day):
    stories.sweep(at(day))
    stories.collect_cards()


def test_another_card_is_charged_from_the_next_try_on(agree, sandbox):
    order = agree("ada", TWO, payment_method=LOST)
    run("03-01")

    stories.change(order, at("03-01"), payment_method=VISA)
    run("03-02")

    assert statuses(order)[0] == "paid"
    assert revisions(order) == [
        (1, "terms_changed", {"payment_method": order.card}, {"payment_method": named(order)})
    ]
    assert "installment_order.revised" in event_types(order)


def test_two_cards_that_hard_declines_stopped_are_both_left_alone(agree, sandbox):
    order = agree("ada", TWO[:1], payment_method=LOST)
    run("03-01")
    stories.change(order, at("03-01"), payment_method=EXPIRED)
    run("03-02")
    stopped = sorted([order.card, named(order)])
    stories.change(order, at("03-02"), payment_method="")
    asked = sum(sandbox.summary()["payment_intents"].values())

    run("03-04"), run("03-06")

    assert sum(sandbox.summary()["payment_intents"].values()) == asked == 2
    assert InstallmentOrder.objects.with_refusals().get().refused_cards == stopped


def test_a_stopped_card_that_is_named_again_is_asked_again(agree, sandbox):
    order = agree("ada", TWO[:1], payment_method=LOST)
    run("03-01")

    stories.change(order, at("03-01"), payment_method=LOST)
    run("03-02")

    assert sum(sandbox.summary()["payment_intents"].values()) == 2
    assert revisions(order)[0][2:] == (
        {"refused_payment_methods": [order.card]}, {"refused_payment_methods": []},
    )  # fmt: skip


def test_the_order_and_its_charges_say_that_a_card_is_stopped(api, agree, sandbox):
    order = agree("ada", TWO[:1], payment_method=LOST)
    run("03-01"), run("03-02")

    shown = api.get(f"/installments/orders/{order.id}").json()
    assert shown["refused_payment_methods"] == [order.card]
    assert "A hard decline stopped the card" in stories.charges_of(order).last().failure_message


def test_what_already_holds_may_be_asked_of_an_order_that_has_ended(api, agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", TWO)
    stories.pay_off(order, at("02-01"))
    part = stories.part(order)

    same = api.patch(f"/installments/orders/{order.id}", {"auto_apply": False})
    day = api.patch(f"/installments/installments/{part.id}", {"due_date": f"{part.due_date}"})

    assert (same.status_code, day.status_code) == (200, 200)


def test_partners_change_the_card_and_auto_apply(api, agree, sandbox):
    order = agree("ada", TWO)

    shown = api.patch(
        f"/installments/orders/{order.id}", {"payment_method": VISA, "auto_apply": True}
    ).json()
    back = api.patch(f"/installments/orders/{order.id}", {"payment_method": None}).json()

    (saved,) = PaymentMethod.objects.all()
    assert (shown["payment_method"], shown["auto_apply"]) == (saved.external_id, True)
    assert (back["payment_method"], back["auto_apply"]) == (None, True)


def test_what_is_not_named_stays_and_is_no_revision(api, agree, sandbox):
    order = agree("ada", TWO, payment_method=VISA)

    shown = api.patch(f"/installments/orders/{order.id}", {}).json()

    assert shown["payment_method"] == order.card
    assert revisions(order) == []


def test_anothers_card_is_refused(api, agree, sandbox):
    saved = api.post("/payment-methods", {"customer_id": "bob", "payment_method": VISA}).json()
    order = agree("ada", TWO)

    answer = api.patch(
        f"/installments/orders/{order.id}", {"payment_method": saved["payment_method"]}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_payment_method")


@pytest.mark.parametrize("end", ["canceled", "completed"])
def test_an_order_that_has_ended_cannot_be_changed(api, agree, wallet, end):
    wallet("ada", 10_000)
    order = agree("ada", TWO)
    (stories.cancel if end == "canceled" else stories.pay_off)(order, at("02-01"))

    answer = api.patch(f"/installments/orders/{order.id}", {"auto_apply": True})

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
