"""Card networks allow 10 declined tries in 24 hours and 15 in 30 days: the next is not asked."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import time_machine

from installments.tests import stories
from installments.tests.stories import VISA, parts, statuses

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


def test_a_good_card_pays_any_number_of_parts(agree, sandbox, now):
    order = agree("ada", stories.daily(16), payment_method=VISA)

    stories.sweep(now)
    stories.collect_cards()

    assert statuses(order) == ["paid"] * 16
