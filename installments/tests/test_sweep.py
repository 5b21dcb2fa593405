from __future__ import annotations

import json

from installments import services
from installments.tests import stories
from installments.tests.stories import at, daily, event_types, parts, statuses
from webhooks.models import Event

TEN_PERCENT = [{"recipient": "bob", "percentage": "10"}]
MONTHS = parts((3334, "03-01"), (3333, "04-01"), (3333, "05-01"))


def test_the_story_of_an_order_in_three(api, agree, wallet):
    """A wallet of 100.00, an order of 100.00 in three with a split of 10 %, seventy days."""
    wallet("ada", 10_000), wallet("bob")
    order = agree("ada", MONTHS, now=at("03-01"), split_instructions=TEN_PERCENT)

    first = stories.sweep(at("03-01"))
    assert (first.paid, statuses(order)) == (1, ["paid", "pending", "pending"])
    assert api.get("/wallets/ada").json()["balance"] == "66.66"

    later = stories.sweep(at("05-10"))
    assert (later.paid, statuses(order)) == (2, ["paid", "paid", "paid"])

    assert stories.sweep(at("05-10")).collected == 0

    shown = api.get(f"/installments/orders/{order.id}").json()
    assert (shown["status"], shown["amount_paid"]) == ("completed", "100.00")
    assert (shown["amount_remaining"], shown["past_due"]) == ("0.00", False)
    assert api.get("/wallets/ada").json()["balance"] == "0.00"
    assert api.get("/wallets/bob").json()["balance"] == "10.00"
    charged = stories.charges_of(order)
    assert [c.amount for c in charged] == [3334, 3333, 3333]
    assert [e for c in charged for e in event_types(c)] == ["charge.succeeded"] * 3
    assert event_types(order) == ["installment_order.activated", "installment_order.completed"]
    told = Event.objects.exclude(type="wallet.credited").order_by("id")
    assert list(told.values_list("type", flat=True)) == [
        "installment_order.activated",
        "charge.succeeded", "installment.paid",
        "charge.succeeded", "charge.succeeded",
        "installment.paid", "installment.paid", "installment_order.completed",
    ]  # fmt: skip


def test_an_event_of_a_paid_part_shows_it_paid(agree, wallet):
    wallet("ada", 3334)
    order = agree("ada", MONTHS)

    stories.sweep(at("03-01"))

    event = Event.objects.get(type="installment.paid")
    part = stories.part(order)
    assert event.resource_id == part.id
    shown = json.loads(event.data)
    assert (shown["status"], shown["charge_id"]) == ("paid", str(part.charge_id))


def test_the_event_of_a_completed_order_shows_all_parts_paid(agree, wallet):
    wallet("ada", 10_000)
    agree("ada", MONTHS)

    stories.sweep(at("05-01"))

    shown = json.loads(Event.objects.get(type="installment_order.completed").data)
    assert [part["status"] for part in shown["installments"]] == ["paid"] * 3
    assert (shown["status"], shown["amount_paid"]) == ("completed", "100.00")


def test_nothing_is_collected_before_nine_local(agree, wallet):
    wallet("ada", 3334)
    order = agree("ada", MONTHS, timezone="America/New_York")

    early = stories.sweep(at("03-01", hour=13, minute=59))
    due = stories.sweep(at("03-01", hour=14, minute=0))

    assert (early.collected, due.paid) == (0, 1)
    assert statuses(order)[0] == "paid"


def test_east_of_greenwich_is_due_earlier(agree, wallet):
    wallet("ada", 3334)
    agree("ada", MONTHS, timezone="Asia/Tokyo")

    assert stories.sweep(at("03-01", hour=0, minute=0)).paid == 1


def test_a_part_due_on_the_day_of_activation_does_not_wait_for_nine(agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", MONTHS, now=at("03-01", hour=1))

    assert stories.sweep(at("03-01", hour=1)).paid == 1
    assert statuses(order) == ["paid", "pending", "pending"]


def test_an_order_activated_late_is_due_at_once(agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", MONTHS, activate=False)
    services.activate_order(order_id=order.id, by=stories.BY, now=at("04-01", hour=1))

    stories.sweep(at("04-01", hour=1))

    assert statuses(order) == ["paid", "paid", "pending"]


def test_downtime_is_caught_up(agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", MONTHS)

    stories.sweep(at("12-24"))

    assert statuses(order) == ["paid"] * 3


def test_a_part_of_an_order_that_is_not_active_is_never_collected(agree, wallet):
    wallet("ada", 30_000)
    pending = agree("ada", MONTHS, activate=False)
    canceled = agree("ada", MONTHS)
    stories.cancel(canceled, at("02-01"))

    swept = stories.sweep(at("06-01"))

    assert swept.collected == 0
    assert (statuses(pending), statuses(canceled)) == (["pending"] * 3, ["canceled"] * 3)


def test_parts_of_one_wallet_in_one_chunk_succeed_as_far_as_it_covers(agree, wallet):
    ada = wallet("ada", 1050)
    orders = [agree("ada", daily(1, amount=100)) for _ in range(20)]

    swept = stories.sweep(at("02-01"))

    ada.refresh_from_db()
    assert (swept.paid, swept.failed, ada.balance) == (10, 10, 50)
    paid = [order for order in orders if statuses(order) == ["paid"]]
    assert paid == orders[:10]


def test_two_parts_of_one_order_in_one_chunk_are_paid_in_due_order(agree, wallet):
    wallet("ada", 3334)
    order = agree("ada", MONTHS)

    stories.sweep(at("04-01"))

    assert statuses(order) == ["paid", "pending", "pending"]
    assert [part.attempts for part in (stories.part(order, n) for n in (1, 2, 3))] == [1, 1, 0]


def test_a_share_that_an_earlier_part_pays_funds_a_later_one(agree, wallet):
    wallet("ada", 100)
    bob = wallet("bob")
    agree("ada", daily(1), split_instructions=[{"recipient": "bob", "percentage": "100"}])
    agree("bob", daily(1))

    swept = stories.sweep(at("02-01"))

    bob.refresh_from_db()
    assert (swept.paid, bob.balance) == (2, 0)


def test_many_orders_of_a_wallet_that_pays_itself_stay_balanced(agree, wallet):
    ada = wallet("ada", 100)
    rules = [{"recipient": "ada", "percentage": "100"}]
    agree("ada", daily(20), split_instructions=rules)

    swept = stories.sweep(at("03-01"))

    ada.refresh_from_db()
    assert (swept.paid, ada.balance) == (20, 100)


def test_one_orders_sweep_leaves_others_alone(agree, wallet):
    wallet("ada", 20_000)
    ours, other = agree("ada", MONTHS), agree("ada", MONTHS)

    stories.sweep(at("04-01"), order_id=ours.id)

    assert statuses(ours) == ["paid", "paid", "pending"]
    assert statuses(other) == ["pending"] * 3
