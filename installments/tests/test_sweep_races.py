from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from charges.models import Charge
from installments.models import Installment
from installments.tests import stories
from installments.tests.stories import VISA, at, daily, parts, race, statuses

NOW = at("12-01")
TWO = parts((5000, "03-01"), (5000, "04-01"))


def no_errors(answers):
    return [answer for answer in answers if isinstance(answer, Exception)] == []


def test_sweeps_at_once_charge_each_part_once(agree, wallet):
    wallets = [wallet(f"c{n}", 3000) for n in range(10)]
    for number in range(10):
        for _ in range(3):
            agree(f"c{number}", daily(10))

    answers = race(*[lambda: stories.sweep(NOW)] * 2)
    stories.sweep(NOW)

    assert no_errors(answers)
    assert Installment.objects.filter(status="paid").count() == 300
    assert Charge.objects.count() == 300
    for one in wallets:
        one.refresh_from_db()
    assert {one.balance for one in wallets} == {0}


def test_sweeps_in_small_pieces_share_the_work(agree, wallet):
    """Many small runs cross each other more often than two large ones."""
    wallet("ada", 10_000)
    for _ in range(20):
        agree("ada", daily(5))

    answers = race(*[lambda: [stories.sweep(NOW, limit=4) for _ in range(8)]] * 4)
    stories.sweep(NOW)

    assert no_errors(answers)
    assert Charge.objects.filter(status="succeeded").count() == Charge.objects.count() == 100


def test_sweeps_at_once_on_a_wallet_that_covers_half_pay_half(agree, wallet):
    ada = wallet("ada", 1500)
    for _ in range(10):
        agree("ada", daily(3))

    answers = race(*[lambda: stories.sweep(NOW)] * 3)
    stories.sweep(NOW)

    ada.refresh_from_db()
    assert no_errors(answers)
    assert (ada.balance, Installment.objects.filter(status="paid").count()) == (0, 15)


@pytest.mark.parametrize("attempt", range(5))
def test_a_part_is_canceled_or_paid_when_a_sweep_meets_a_cancel(agree, wallet, attempt):
    ada = wallet("ada", 10_000)
    order = agree("ada", TWO)

    answers = race(lambda: stories.sweep(NOW), lambda: try_to_cancel(order))

    ada.refresh_from_db()
    order.refresh_from_db()
    assert no_errors(answers)
    assert statuses(order) in (["paid"] * 2, ["canceled"] * 2)
    assert ada.balance == 10_000 - order.amount_paid


def try_to_cancel(order):
    try:
        return stories.cancel(order, NOW)
    except stories.services.InvalidTransition:
        return None


@pytest.mark.parametrize("attempt", range(5))
def test_a_part_is_charged_once_when_a_sweep_meets_process(agree, wallet, attempt):
    ada = wallet("ada", 50_000)
    order = agree("ada", TWO)
    part = stories.part(order)

    answers = race(lambda: stories.sweep(NOW), lambda: stories.process(part, NOW))
    stories.sweep(NOW)

    ada.refresh_from_db()
    assert no_errors(answers)
    assert statuses(order) == ["paid"] * 2
    assert ada.balance == 40_000


@pytest.mark.parametrize("attempt", range(5))
def test_a_card_settles_while_a_sweep_collects_the_orders_next_part(
    agree, wallet, sandbox, attempt
):
    order = agree("ada", TWO, payment_method=VISA)
    stories.sweep(at("03-01"))
    wallet("ada", 5000)

    answers = race(stories.collect_cards, lambda: stories.sweep(NOW))
    stories.sweep(NOW)
    stories.collect_cards()

    order.refresh_from_db()
    assert no_errors(answers)
    assert (statuses(order), order.status, order.amount_paid) == (
        ["paid"] * 2, "completed", 10_000,
    )  # fmt: skip


def test_workers_sweeps_and_cancels_cross_without_a_deadlock(agree, wallet, sandbox):
    """Everything at once on orders that share two wallets as payers and recipients."""
    wallet("ada", 5000), wallet("bob", 5000)
    orders = [
        agree(
            customer, daily(4, amount=500), payment_method=VISA,
            split_instructions=[{"recipient": other, "percentage": "30"}],
        )
        for customer, other in [("ada", "bob"), ("bob", "ada")] * 4
    ]  # fmt: skip

    answers = race(
        lambda: [stories.sweep(NOW, limit=3) for _ in range(8)],
        lambda: [stories.sweep(NOW, limit=5) for _ in range(8)],
        lambda: [stories.collect_cards() for _ in range(4)],
        lambda: [try_to_cancel(order) for order in orders[:2]],
        lambda: [process_if_free(order) for order in orders],
    )
    stories.sweep(timezone.now())
    stories.collect_cards()

    assert no_errors(answers)
    for order in orders[2:]:
        assert statuses(order) == ["paid"] * 4
    charged = Charge.objects.filter(status="succeeded")
    assert charged.values("installment_id").distinct().count() == charged.count()


def process_if_free(order):
    try:
        return stories.process(stories.part(order, 4), NOW)
    except (stories.services.ChargeInProgress, stories.services.InvalidTransition):
        return None


def test_parts_of_one_order_whose_cards_answer_at_once_add_up(agree, sandbox):
    order = agree("ada", daily(16), payment_method=VISA)
    stories.sweep(NOW)

    answers = race(*[stories.collect_cards] * 2)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        stories.collect_cards()  # those that waited while as many as may decline were asked

    order.refresh_from_db()
    assert no_errors(answers)
    assert (order.status, order.amount_paid) == ("completed", 1600)
    assert stories.event_types(order).count("installment_order.completed") == 1
