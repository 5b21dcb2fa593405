"""One charge pays all that is left, shares exact, or nothing."""

from __future__ import annotations

import pytest

from charges import services as charges
from charges.models import Charge
from installments.models import InstallmentOrder
from installments.tests import stories
from installments.tests.stories import VISA, at, event_types, parts, race, statuses
from wallets.models import Wallet

THREE = parts((3334, "03-01"), (3333, "04-01"), (3333, "05-01"))
SPLIT = [{"recipient": "bob", "percentage": "12.34"}, {"recipient": "eve", "amount": "0.07"}]
DECLINED = "pm_card_chargeDeclined"


def balance(customer):
    return Wallet.objects.get(customer_id=customer).balance


def test_one_charge_pays_all_that_is_left_and_every_share(agree, wallet):
    wallet("bob"), wallet("eve"), wallet("ada", 10_000)
    order = agree("ada", THREE, split_instructions=SPLIT)
    stories.sweep(at("03-01"))

    shown = stories.pay_off(order, at("03-02"))

    assert (shown.status, statuses(order)) == ("completed", ["paid"] * 3)
    first, last = stories.charges_of(order)
    assert (last.amount, last.installment_id) == (6666, None)
    assert (balance("ada"), balance("bob"), balance("eve")) == (0, 1234, 7)
    assert [stories.part(order, n).charge_id for n in (1, 2, 3)] == [first.id, last.id, last.id]


def test_every_part_and_the_order_are_told_once(agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", THREE)

    stories.pay_off(order, at("02-01"))

    for number in (1, 2, 3):
        assert event_types(stories.part(order, number)) == ["installment.paid"]
    assert event_types(order)[-1] == "installment_order.completed"


def test_a_card_pays_what_the_wallet_lacks(agree, wallet, sandbox):
    wallet("ada", 4000)
    order = agree("ada", THREE, payment_method=VISA)

    stories.pay_off(order, at("02-01"))

    (charge,) = stories.charges_of(order)
    assert (charge.wallet_amount, charge.external_amount) == (4000, 6000)
    assert statuses(order) == ["paid"] * 3


def rollup(order):
    found = [stories.part(order, number) for number in (1, 2, 3)]
    return [(part.status, part.next_attempt_at, part.attempts) for part in found]


def test_a_declined_pay_off_leaves_every_part_as_it_was(agree, sandbox):
    order = agree("ada", THREE, payment_method=DECLINED)
    stories.sweep(at("03-02", hour=3))
    stories.collect_cards()
    before = rollup(order)

    shown = stories.pay_off(order, at("03-02"))

    assert shown.status == "active"
    assert rollup(order) == before
    assert stories.charges_of(order).last().failure["why_not"].startswith("Nobody pays off")


def test_paying_off_twice_charges_once(api, agree, wallet):
    wallet("ada", 20_000)
    order = agree("ada", THREE)

    answers = [api.post(f"/installments/orders/{order.id}/pay-off") for _ in range(2)]

    assert [a.json()["status"] for a in answers] == ["completed", "completed"]
    assert Charge.objects.count() == 1


def test_the_last_part_alone_is_paid_as_itself(agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", THREE)
    stories.sweep(at("04-02"))

    stories.pay_off(order, at("04-02"))

    assert stories.charges_of(order).last().installment_id == stories.part(order, 3).id


def test_a_defaulted_order_can_be_paid_off(agree, wallet):
    order = agree("ada", THREE)
    for day in ("03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15", "04-20"):
        stories.sweep(at(day))
    order.refresh_from_db()
    assert order.status == "defaulted"
    wallet("ada", 10_000)

    assert stories.pay_off(order, at("05-01")).status == "completed"


@pytest.mark.parametrize("state", ["pending", "paused", "canceled"])
def test_an_order_that_is_not_collected_is_not_paid_off(api, agree, state):
    order = agree("ada", THREE, activate=state != "pending")
    if state == "paused":
        stories.pause(order, at("02-01"))
    if state == "canceled":
        stories.cancel(order, at("02-01"))

    answer = api.post(f"/installments/orders/{order.id}/pay-off")

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_charge_under_way_is_waited_for(api, agree, sandbox):
    order = agree("ada", THREE, payment_method=VISA)
    stories.sweep(at("03-01"))

    answer = api.post(f"/installments/orders/{order.id}/pay-off")

    assert (answer.status_code, answer.json()["code"]) == (409, "charge_in_progress")


def test_nothing_else_charges_while_a_pay_off_waits_for_the_card(api, agree, sandbox):
    sandbox.fault("drop_after", path="/confirm")
    order = agree("ada", THREE, payment_method=VISA)
    shown = api.post(f"/installments/orders/{order.id}/pay-off").json()
    assert {part["status"] for part in shown["installments"]} == {"processing"}

    assert stories.sweep(at("12-01")).collected == 0
    process = api.post(f"/installments/installments/{stories.part(order).id}/process")
    again = api.post(f"/installments/orders/{order.id}/pay-off")

    assert {process.json()["code"], again.json()["code"]} == {"charge_in_progress"}
    charge = Charge.objects.get()
    charges.collect(charge_id=charge.id, by=stories.BY, now=charge.next_attempt_at)
    assert InstallmentOrder.objects.get().status == "completed"


def test_a_pay_off_whose_order_is_canceled_meanwhile_and_declines_charges_nothing(agree, sandbox):
    sandbox.fault("error_500_after", path="/confirm")
    order = agree("ada", THREE, payment_method=DECLINED)
    stories.pay_off(order, at("02-01"))

    stories.cancel(order, at("02-01"))

    assert statuses(order) == ["canceled"] * 3
    assert Charge.objects.get().failure["why_not"].startswith("Its order is canceled")


@pytest.mark.parametrize("attempt", range(5))
def test_sweeps_processes_and_pay_offs_at_once_charge_each_part_once(agree, wallet, attempt):
    ada = wallet("ada", 50_000)
    order = agree("ada", THREE)
    part = stories.part(order, 2)

    race(
        lambda: stories.sweep(at("12-01")),
        lambda: stories.pay_off(order, at("12-01")),
        lambda: stories.process(part, at("12-01")),
        lambda: stories.pay_off(order, at("12-01")),
    )
    stories.sweep(at("12-01"))

    ada.refresh_from_db()
    assert (statuses(order), ada.balance) == (["paid"] * 3, 40_000)
