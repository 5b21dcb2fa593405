"""Card networks allow 10 declined tries in 24 hours and 15 in 30 days: the next is not asked."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import time_machine

from charges.models import Charge
from installments.tests import stories
from installments.tests.stories import VISA, parts, race, statuses

ONE = parts((5000, "03-01"))
DECLINED = "pm_card_chargeDeclined"


def asked(sandbox):
    return sum(sandbox.summary()["payment_intents"].values())


@pytest.fixture
def tried(agree, sandbox, now):
    order = agree("ada", ONE, payment_method=DECLINED)
    for _ in range(10):
        stories.process(stories.part(order), now)
    return order


def test_the_eleventh_try_of_a_day_asks_no_card(tried, sandbox, now):
    stories.process(stories.part(tried), now)

    last = stories.charges_of(tried).last()
    assert asked(sandbox) == 10
    assert (last.status, last.failure_code) == ("failed", "card_attempts_exceeded")


def test_a_day_later_it_is_asked_again(tried, sandbox, now):
    stories.process(stories.part(tried), now + timedelta(hours=25))

    assert asked(sandbox) == 11


def test_the_sixteenth_of_thirty_days_asks_no_card(tried, sandbox, now):
    for _ in range(10):
        stories.process(stories.part(tried), now + timedelta(days=2))
    assert asked(sandbox) == 15

    stories.process(stories.part(tried), now + timedelta(days=31))

    assert asked(sandbox) == 16


def test_the_wallet_pays_what_the_card_may_not_be_asked(tried, wallet, sandbox, now):
    wallet("ada", 5000)

    stories.process(stories.part(tried), now)

    assert statuses(tried) == ["paid"]


def test_another_card_is_asked(tried, sandbox, now):
    stories.change(tried, now, payment_method=VISA)

    stories.process(stories.part(tried), now)

    assert statuses(tried) == ["paid"]


def test_the_same_test_card_of_another_customer_is_asked(tried, agree, sandbox, now):
    other = agree("bob", ONE, payment_method=DECLINED)

    stories.process(stories.part(other), now)

    assert asked(sandbox) == 11


def test_the_sweep_keeps_to_it_and_goes_on_with_its_schedule(tried, sandbox, now):
    stories.sweep(now)

    part = stories.part(tried)
    assert asked(sandbox) == 10
    assert (part.attempts, part.next_attempt_at > now) == (1, True)
    assert part.failure["code"] == "card_attempts_exceeded"


def test_of_many_parts_that_are_due_at_once_a_bad_card_is_asked_ten_times(agree, sandbox, now):
    order = agree("ada", stories.daily(40), payment_method=DECLINED)
    stories.sweep(now)

    for minutes in range(0, 100, 20):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            stories.collect_cards()

    assert asked(sandbox) == 10
    codes = Counter(stories.charges_of(order).values_list("failure_code", flat=True))
    assert codes == {"card_declined": 10, "card_attempts_exceeded": 30}


def test_a_try_that_was_spared_is_no_try(tried, sandbox, now):
    for _ in range(5):
        stories.process(stories.part(tried), now)

    stories.process(stories.part(tried), now + timedelta(hours=25))

    assert asked(sandbox) == 11


def paid_in_the_end(order, now, *, runs):
    """Whether all parts are, after so many workers at once came by, five times in five minutes."""
    for minutes in range(5):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            race(*[stories.collect_cards] * runs)
    return set(statuses(order)) == {"paid"}


@pytest.fixture
def slow(sandbox):
    """Every call about an intent takes a tenth of a second."""
    sandbox.fault("hang_after", path="/payment_intents", times=999, hang_seconds=0.1)


def test_overlapping_runs_keep_no_part_of_a_good_card_waiting(agree, slow, now):
    order = agree("ada", stories.daily(40), payment_method=VISA)
    stories.sweep(now)

    assert paid_in_the_end(order, now, runs=3)


def test_after_a_few_declines_no_part_of_the_card_waits_for_ever(agree, slow, sandbox, now):
    first = agree("ada", ONE, payment_method=DECLINED)
    for _ in range(4):
        stories.process(stories.part(first), now)
    order = agree("ada", stories.daily(20), payment_method=DECLINED)
    stories.sweep(now)

    paid_in_the_end(order, now, runs=2)

    codes = Counter(stories.charges_of(order).values_list("failure_code", flat=True))
    assert codes == {"card_declined": 6, "card_attempts_exceeded": 14}
    assert asked(sandbox) == 10


def test_flagged_charges_keep_no_other_from_being_asked(agree, sandbox, now):
    sandbox.fault("wrong_amount", path="/payment_intents$", times=12)
    order = agree("ada", stories.daily(13), payment_method=VISA)

    stories.sweep(now)
    stories.collect_cards()

    assert statuses(order).count("paid") == 1


def test_of_two_with_one_try_left_one_is_asked_and_the_other_waits(agree, slow, sandbox, now):
    orders = [agree("ada", ONE, payment_method=DECLINED) for _ in range(2)]
    for _ in range(9):
        stories.process(stories.part(orders[0]), now)

    race(*[lambda order=order: stories.process(stories.part(order), now) for order in orders])

    waiting = Charge.objects.get(status="processing")
    assert asked(sandbox) == 10
    assert (waiting.attempts, waiting.waiting_since) == (0, now)
    assert waiting.next_attempt_at <= now  # the other has ended: it is its turn


def test_whoever_waits_looks_again_within_seconds(agree, slow, now):
    orders = [agree("ada", ONE, payment_method=DECLINED) for _ in range(2)]
    for _ in range(9):
        stories.process(stories.part(orders[0]), now)

    def seconds_to_wait():
        for _ in range(2000):
            if waiting := Charge.objects.filter(waiting_since__isnull=False).first():
                return (waiting.next_attempt_at - now).total_seconds()
        return None

    both = [lambda order=order: stories.process(stories.part(order), now) for order in orders]
    *_, waits = race(*both, seconds_to_wait)

    assert 5 <= waits <= 15


def test_parts_that_wait_for_their_cardholder_keep_no_other_from_being_asked(agree, sandbox, now):
    order = agree("ada", stories.daily(12), payment_method="pm_card_authenticationRequired")

    stories.sweep(now)
    stories.collect_cards()

    assert set(stories.charges_of(order).values_list("status", flat=True)) == {"requires_action"}


def test_of_many_orders_that_are_due_at_once_one_asks_a_stolen_card(agree, slow, sandbox, now):
    stolen = "pm_card_chargeDeclinedStolenCard"
    orders = [agree("ada", ONE, payment_method=stolen) for _ in range(6)]
    stories.sweep(now)

    for order in orders:
        paid_in_the_end(order, now, runs=2)

    codes = Counter(Charge.objects.values_list("failure_code", flat=True))
    assert asked(sandbox) == 1
    assert codes == {"card_declined": 1, "card_stopped": 5}


def test_a_good_card_pays_any_number_of_parts(agree, sandbox, now):
    order = agree("ada", stories.daily(16), payment_method=VISA)

    stories.sweep(now)
    stories.collect_cards()

    assert statuses(order) == ["paid"] * 16
