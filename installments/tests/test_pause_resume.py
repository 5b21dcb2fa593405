"""A paused order is left alone; it resumes on its dates, or as much later as it was paused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from charges import services as charges
from charges.tests.steps import disputes_of, hear
from installments.late_fees import LateFee
from installments.models import CollectionPolicy, Installment, InstallmentOrder
from installments.tests import stories
from installments.tests.stories import at, event_types, parts, revisions, statuses
from webhooks.models import Event

THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "05-01"))
DISPUTED = "pm_card_createDispute"
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]


def due_dates(order):
    found = Installment.objects.filter(order=order).order_by("installment_number")
    return [f"{day:%m-%d}" for day in found.values_list("due_date", flat=True)]


@pytest.fixture
def paused(agree, wallet):
    """Its first part is paid; paused on 15 March."""
    wallet("ada", 50_000)
    order = agree("ada", THREE)
    stories.sweep(at("03-01"))
    stories.pause(order, at("03-15"))
    return order


def test_of_a_paused_order_nothing_is_collected_announced_or_overdue(paused):
    swept = stories.sweep(at("06-01"))

    assert (swept.collected, swept.overdue, swept.reminded) == (0, 0, 0)
    assert statuses(paused) == ["paid", "pending", "pending"]


def test_pausing_is_a_revision_with_its_reason_and_one_event(paused):
    assert revisions(paused) == [(1, "paused", {"status": "active"}, {"status": "paused"})]
    assert event_types(paused)[-1] == "installment_order.paused"


def test_pausing_and_resuming_twice_is_success_and_changes_nothing(paused):
    stories.pause(paused, at("03-16"))
    stories.resume(paused, at("03-17"))
    stories.resume(paused, at("03-18"))

    assert [change for _, change, *_ in revisions(paused)] == ["paused", "resumed"]
    assert event_types(paused).count("installment_order.resumed") == 1


def test_resumed_on_its_dates_late_parts_are_due_at_once(paused):
    stories.resume(paused, at("04-15"))

    assert due_dates(paused) == ["03-01", "04-01", "05-01"]
    assert stories.part(paused, 2).next_attempt_at == at("04-15")
    assert stories.part(paused, 3).next_attempt_at == at("05-01", minute=0)


def test_resumed_shifted_parts_are_due_as_much_later(paused):
    stories.resume(paused, at("04-14"), shift=True)  # 30 days later

    assert due_dates(paused) == ["03-01", "05-01", "05-31"]
    assert stories.part(paused, 2).next_attempt_at == at("05-01", minute=0)
    assert revisions(paused)[-1][2:] == (
        {
            "status": "paused",
            "installments": [
                {"installment_number": 2, "due_date": "2024-04-01"},
                {"installment_number": 3, "due_date": "2024-05-01"},
            ],
        },
        {
            "status": "active",
            "installments": [
                {"installment_number": 2, "due_date": "2024-05-01"},
                {"installment_number": 3, "due_date": "2024-05-31"},
            ],
        },
    )


def test_a_part_that_was_late_before_the_pause_is_not_shifted(agree):
    order = agree("ada", THREE)
    stories.sweep(at("03-02", hour=3))
    stories.pause(order, at("03-15"))

    stories.resume(order, at("04-14"), shift=True)

    assert due_dates(order) == ["03-01", "05-01", "05-31"]
    assert statuses(order)[0] == "overdue"


def test_a_part_that_has_failed_on_the_day_of_the_pause_is_not_shifted(agree, partner):
    CollectionPolicy.objects.create(partner=partner, name="once", offsets=[0])
    order = agree("ada", THREE)
    stories.sweep(at("03-01"))
    stories.pause(order, at("03-01"))

    stories.resume(order, at("03-11"), shift=True)

    assert due_dates(order) == ["03-01", "04-11", "05-11"]
    assert statuses(order)[0] == "failed"


def test_tries_go_on_where_they_were(agree):
    order = agree("ada", THREE[:1])
    for day in ("03-01", "03-02"):
        stories.sweep(at(day))
    stories.pause(order, at("03-02", hour=12))

    stories.resume(order, at("03-03"))

    part = stories.part(order)
    assert (part.attempts, part.next_attempt_at) == (2, at("03-04", minute=0))


def test_a_part_that_is_shifted_has_all_its_tries_from_its_new_date(agree):
    order = agree("ada", THREE)
    stories.sweep(at("03-01"))
    stories.pause(order, at("03-01", hour=12))

    stories.resume(order, at("03-11", hour=8), shift=True)

    part = stories.part(order)
    assert (f"{part.due_date:%m-%d}", part.attempts) == ("03-11", 0)
    assert part.next_attempt_at == at("03-11", minute=0)


def test_pausing_and_resuming_again_and_again_uses_up_no_try(agree):
    order = agree("ada", THREE[:1])
    stories.sweep(at("03-10"))
    for hour in range(10, 20):
        stories.pause(order, at("03-10", hour=hour))
        stories.resume(order, at("03-10", hour=hour, minute=45))
        stories.sweep(at("03-10", hour=hour, minute=50))

    part = stories.part(order)
    assert (part.attempts, part.next_attempt_at) == (1, at("03-11", minute=0))


def test_the_last_try_that_declines_during_a_pause_was_the_last(agree, sandbox):
    order = agree("ada", THREE[:1], payment_method="pm_card_chargeDeclined")
    for day in TRIES:
        if day == "03-15":
            sandbox.fault("error_500_after", path="/confirm$")
        stories.sweep(at(day))
        stories.collect_cards()
    stories.pause(order, at("03-15"))
    stories.recover(order, at("03-15"))
    assert statuses(order) == ["failed"]

    stories.resume(order, at("03-25", minute=30))

    part = stories.part(order)
    assert (part.next_attempt_at, part.default_at) == (None, at("04-24"))
    assert event_types(part).count("installment.failed") == 1


def test_a_failed_part_that_is_charged_meanwhile_gets_the_pause_too(agree, sandbox):
    order = agree("ada", THREE[:1])
    for day in TRIES:
        stories.sweep(at(day))
    stories.change(order, at("04-01"), payment_method="pm_card_chargeDeclined")
    sandbox.fault("drop_before", path="/confirm")
    stories.process(stories.part(order), at("04-01"))
    stories.pause(order, at("04-02"))
    stories.resume(order, at("05-02"))
    charge = stories.charges_of(order).last()
    charges.collect(charge_id=charge.id, by=stories.BY, now=charge.next_attempt_at)

    order.refresh_from_db()
    assert order.default_at == at("05-14")


def test_the_time_to_a_late_fee_does_not_count_the_pause(agree):
    fee = LateFee(amount="5.00", percentage=None, grace_days=10, cap=None)
    order = agree("ada", THREE, late_fee=fee)
    stories.sweep(at("03-02"))
    stories.pause(order, at("03-03", hour=0, minute=0))
    stories.resume(order, at("04-02", hour=0, minute=0), shift=True)

    owed = [stories.sweep(at(day, hour=0, minute=0)).late_fees for day in ("04-10", "04-11")]

    assert owed == [0, 1]


def test_an_order_that_completes_while_paused_is_told_as_no_longer_paused(agree, sandbox):
    order = agree("ada", THREE[:1], payment_method="pm_card_visa")
    sandbox.fault("error_500_after", path="/confirm$")
    stories.sweep(at("03-01"))
    stories.collect_cards()
    stories.pause(order, at("03-01"))

    stories.recover(order, at("03-01"))

    event = Event.objects.get(type="installment_order.completed")
    data = json.loads(event.data)
    assert (data["status"], data["paused_at"]) == ("completed", None)


def test_the_time_to_default_does_not_count_the_pause(agree):
    order = agree("ada", THREE[:1])
    for day in ("03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"):
        stories.sweep(at(day))
    order.refresh_from_db()
    before = order.default_at
    stories.pause(order, at("03-20"))

    stories.resume(order, at("06-20"))

    order.refresh_from_db()
    assert order.default_at == before + (at("06-20") - at("03-20"))
    assert stories.sweep(at("06-21")).defaulted == 0


def dispute(order, now):
    (dispute_id,) = disputes_of(stories.part(order).charge_id)
    hear("charge.dispute.created", dispute_id, now)
    return dispute_id


@pytest.fixture
def disputed(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    return order, dispute(order, now)


def test_an_order_whose_payment_is_disputed_cannot_be_resumed(disputed, api):
    order, _ = disputed

    answer = api.post(f"/installments/orders/{order.id}/resume")

    assert (answer.status_code, answer.json()["code"]) == (409, "order_disputed")
    assert InstallmentOrder.objects.get().status == "paused"


def test_the_end_of_a_dispute_does_not_resume_what_somebody_paused(disputed, sandbox, now):
    order, dispute_id = disputed
    paused = stories.pause(order, now, reason="Hardship")
    assert paused.pause_reason == "requested"
    assert revisions(order)[-1] == (
        2, "terms_changed", {"pause_reason": "disputed"}, {"pause_reason": "requested"},
    )  # fmt: skip

    sandbox.close_dispute(dispute_id, "won")
    hear("charge.dispute.closed", dispute_id, now)

    assert InstallmentOrder.objects.get().status == "paused"
    assert stories.resume(order, now + timedelta(days=1)).status == "active"


def test_a_dispute_of_a_paused_order_leaves_it_to_who_paused_it(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    stories.pause(order, now)
    dispute_id = dispute(order, now)

    sandbox.close_dispute(dispute_id, "won")
    hear("charge.dispute.closed", dispute_id, now)

    assert InstallmentOrder.objects.get().status == "paused"


@pytest.mark.parametrize("state", ["pending", "canceled"])
@pytest.mark.parametrize("action", ["pause", "resume"])
def test_an_order_that_is_not_collected_is_neither_paused_nor_resumed(api, agree, state, action):
    order = agree("ada", THREE, activate=False)
    if state == "canceled":
        stories.cancel(order, at("02-01"))

    answer = api.post(f"/installments/orders/{order.id}/{action}")

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_partners_pause_and_resume_with_a_reason(api, agree):
    order = agree("ada", THREE)

    paused = api.post(f"/installments/orders/{order.id}/pause", {"reason": "Parental leave"})
    resumed = api.post(f"/installments/orders/{order.id}/resume", {"dates": "shift"})
    shown = api.get(f"/installments/orders/{order.id}/revisions").json()["results"]

    assert (paused.json()["status"], resumed.json()["status"]) == ("paused", "active")
    assert paused.json()["paused_at"]
    assert resumed.json()["paused_at"] is None
    assert [(row["number"], row["change"], row["reason"]) for row in shown] == [
        (2, "resumed", ""), (1, "paused", "Parental leave"),
    ]  # fmt: skip
