from __future__ import annotations

from datetime import UTC, datetime

import pytest

from installments.tests import stories
from installments.tests.stories import at, event_types, parts, statuses

ONE = parts((5000, "03-01"))
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]
LOST = "pm_card_chargeDeclinedLostCard"
DECLINED = "pm_card_chargeDeclined"


def run(now):
    """A sweep, and the workers that it nudges."""
    swept = stories.sweep(now)
    stories.collect_cards()
    return swept


def test_a_declined_card_is_tried_on_the_days_of_the_policy(agree, sandbox):
    order = agree("ada", ONE, payment_method=DECLINED)
    tried = []
    for day in range(1, 31):
        if run(at(f"03-{day:02d}")).collected:
            tried.append(f"03-{day:02d}")

    assert tried == TRIES
    assert stories.part(order).attempts == 7
    assert {c.failure_decline_code for c in stories.charges_of(order)} == {"generic_decline"}


def test_the_next_try_is_at_nine_local(agree, sandbox):
    order = agree("ada", ONE, payment_method=DECLINED, timezone="Europe/Berlin")

    run(at("03-01"))

    assert stories.part(order).next_attempt_at == datetime(2024, 3, 2, 8, tzinfo=UTC)


def test_the_next_try_across_a_clock_change_is_still_at_nine_local(agree):
    order = agree("ada", parts((5000, "03-30")), timezone="Europe/Berlin")

    stories.sweep(at("03-30"))

    assert stories.part(order).next_attempt_at == datetime(2024, 3, 31, 7, tzinfo=UTC)


def test_a_card_that_recovers_pays_on_a_later_try(agree, wallet, sandbox):
    order = agree("ada", ONE, payment_method=DECLINED)
    run(at("03-01"))
    wallet("ada", 5000)

    run(at("03-02"))

    assert statuses(order) == ["paid"]
    assert stories.part(order).attempts == 2


def test_a_part_is_overdue_from_the_end_of_its_local_date(agree):
    order = agree("ada", ONE, timezone="America/New_York")

    stories.sweep(at("03-02", hour=4, minute=59))
    before = statuses(order)
    stories.sweep(at("03-02", hour=5, minute=0))

    assert (before, statuses(order)) == (["pending"], ["overdue"])
    order.refresh_from_db()
    assert order.past_due
    assert event_types(stories.part(order)) == ["installment.overdue"]


def test_a_part_is_overdue_once(agree):
    order = agree("ada", ONE)

    for day in TRIES[:4]:
        stories.sweep(at(day))

    assert event_types(stories.part(order)) == ["installment.overdue"]


def test_a_card_that_pays_on_the_due_date_makes_nothing_overdue(agree, sandbox):
    order = agree("ada", ONE, payment_method=stories.VISA)
    run(at("03-01"))

    stories.sweep(at("03-02"))

    assert event_types(stories.part(order)) == ["installment.paid"]


def test_an_overdue_part_stays_overdue_while_it_fails(agree):
    order = agree("ada", ONE)

    stories.sweep(at("03-02", hour=3))
    stories.sweep(at("03-04"))

    assert statuses(order) == ["overdue"]


def exhaust():
    for day in TRIES:
        stories.sweep(at(day))


def test_an_exhausted_part_has_failed(agree):
    order = agree("ada", ONE)

    exhaust()

    part = stories.part(order)
    order.refresh_from_db()
    assert (part.status, part.attempts, part.next_attempt_at) == ("failed", 7, None)
    assert event_types(part) == ["installment.overdue", "installment.failed"]
    assert (order.status, order.past_due) == ("active", True)


def test_an_exhausted_part_is_tried_no_more(agree, wallet):
    order = agree("ada", ONE)
    exhaust()
    wallet("ada", 5000)

    assert stories.sweep(at("04-10")).collected == 0
    assert stories.charges_of(order).count() == 7


def test_thirty_days_after_a_failure_the_order_is_defaulted(agree):
    order = agree("ada", [*ONE, *parts((5000, "12-01"))])
    exhaust()

    early = stories.sweep(at("04-14", hour=9, minute=29))
    late = stories.sweep(at("04-14", hour=9, minute=30))

    order.refresh_from_db()
    assert (early.defaulted, late.defaulted) == (0, 1)
    assert (order.status, order.past_due) == ("defaulted", True)
    assert event_types(order)[-1] == "installment_order.defaulted"


def test_a_defaulted_orders_later_parts_are_not_collected(agree, wallet):
    order = agree("ada", [*ONE, *parts((5000, "12-01"))])
    exhaust()
    stories.sweep(at("05-01"))
    wallet("ada", 10_000)

    assert stories.sweep(at("12-02")).collected == 0
    assert statuses(order) == ["failed", "pending"]


def test_a_failed_part_that_is_paid_in_time_keeps_its_order_from_default(agree, wallet):
    order = agree("ada", [*ONE, *parts((5000, "12-01"))])
    exhaust()
    wallet("ada", 5000)
    stories.process(stories.part(order), at("03-20"))

    stories.sweep(at("05-01"))

    order.refresh_from_db()
    assert (order.status, order.past_due, order.default_at) == ("active", False, None)


@pytest.mark.parametrize("card", [LOST, "pm_card_chargeDeclinedExpiredCard"])
def test_a_hard_decline_stops_the_card(agree, sandbox, card):
    order = agree("ada", ONE, payment_method=card)

    for day in TRIES[:3]:
        run(at(day))

    assert stories.part(order).attempts == 3
    assert sum(sandbox.summary()["payment_intents"].values()) == 1


def test_after_a_hard_decline_the_wallet_is_still_tried(agree, wallet, sandbox):
    order = agree("ada", ONE, payment_method=LOST)
    run(at("03-01"))
    wallet("ada", 5000)

    run(at("03-02"))

    assert statuses(order) == ["paid"]


def test_a_new_card_takes_the_place_of_a_lost_one(api, agree, sandbox):
    order = agree("ada", ONE, payment_method=LOST)
    run(at("03-01"))
    saved = api.post("/payment-methods", {"customer_id": "ada", "payment_method": "pm_card_visa"})
    assert saved.status_code == 201, saved.json()

    run(at("03-02"))

    assert statuses(order) == ["paid"]


def test_a_soft_decline_does_not_stop_the_card(agree, sandbox):
    agree("ada", ONE, payment_method=DECLINED)

    for day in TRIES[:3]:
        run(at(day))

    assert sum(sandbox.summary()["payment_intents"].values()) == 3
