"""A bank that holds a part's money back pauses the order; the end of it resumes or defaults."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import timezone

from charges.tests.steps import disputes_of, hear
from installments import charge_hooks
from installments.models import Installment, InstallmentOrder
from installments.schedule import Part
from installments.tests import stories
from installments.tests.stories import at, event_types, parts, statuses

THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "05-01"))
DISPUTED = "pm_card_createDispute"


def dispute_of(order, number=1):
    (dispute_id,) = disputes_of(stories.part(order, number).charge_id)
    return dispute_id


def close(order, sandbox, status, at_, number=1):
    sandbox.close_dispute(dispute_of(order, number), status)
    hear("charge.dispute.closed", dispute_of(order, number), at_)


@pytest.fixture
def paused(agree, sandbox, now):
    """An order in three parts, of which the first was paid and is disputed."""
    order = agree("ada", THREE, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    hear("charge.dispute.created", dispute_of(order), now)
    order.refresh_from_db()
    return order


def test_a_dispute_pauses_the_order_and_says_so(paused):
    assert paused.status == "paused"
    assert event_types(paused)[-1] == "installment_order.paused"


def test_of_a_paused_order_nothing_is_collected_and_nothing_waits_in_the_queue(paused):
    assert stories.sweep(at("06-01")).collected == 0
    assert statuses(paused) == ["paid", "pending", "pending"]
    assert not Installment.objects.filter(next_attempt_at__isnull=False).exists()


def test_a_won_dispute_resumes_the_order_and_late_parts_are_due_at_once(paused, sandbox, now):
    close(paused, sandbox, "won", now)

    paused.refresh_from_db()
    assert paused.status == "active"
    assert event_types(paused)[-1] == "installment_order.resumed"
    assert stories.sweep(timezone.now()).collected == 2


def test_parts_that_are_not_due_yet_keep_their_dates(agree, sandbox, now):
    plan = [*THREE[:1], Part(5000, date(2099, 4, 1))]
    order = agree("ada", plan, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    hear("charge.dispute.created", dispute_of(order), now)

    close(order, sandbox, "won", now)

    second = stories.part(order, 2)
    assert second.next_attempt_at == second.due_at


def test_a_lost_dispute_defaults_the_order(paused, sandbox, now):
    close(paused, sandbox, "lost", now)

    paused.refresh_from_db()
    assert (paused.status, paused.defaulted_at is not None) == ("defaulted", True)
    assert event_types(paused)[-1] == "installment_order.defaulted"
    assert stories.sweep(at("06-01")).collected == 0


def test_the_order_resumes_when_the_last_of_two_disputes_is_won(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=DISPUTED)
    for day in ("03-01", "04-01"):
        stories.sweep(at(day))
        stories.collect_cards()
    for number in (1, 2):
        hear("charge.dispute.created", dispute_of(order, number), now)

    close(order, sandbox, "won", now, number=1)
    assert InstallmentOrder.objects.get().status == "paused"

    close(order, sandbox, "won", now, number=2)
    assert InstallmentOrder.objects.get().status == "active"


def test_an_inquiry_pauses_nothing(agree, sandbox, now):
    order = agree("ada", THREE, payment_method="pm_card_createDisputeInquiry")
    stories.sweep(at("03-01"))
    stories.collect_cards()

    hear("charge.dispute.created", dispute_of(order), now)
    close(order, sandbox, "warning_closed", now)

    assert InstallmentOrder.objects.get().status == "active"
    assert "installment_order.paused" not in event_types(order)


def test_a_card_that_declines_while_the_order_is_paused_leaves_the_part_waiting(
    agree, sandbox, now
):
    order = agree("ada", THREE, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    InstallmentOrder.objects.update(card="pm_card_chargeDeclined")
    stories.sweep(at("04-01"))
    hear("charge.dispute.created", dispute_of(order), now)

    stories.collect_cards()

    assert statuses(order) == ["paid", "pending", "pending"]
    assert stories.part(order, 2).next_attempt_at is None
    assert "order is paused" in charge_hooks.describe_outlook(stories.charges_of(order).last())


def test_a_card_that_pays_while_the_order_is_paused_has_paid(agree, sandbox, now):
    order = agree("ada", THREE[:2], payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    stories.sweep(at("04-01"))
    sandbox.fault("error_500_after", path="/confirm$")
    stories.collect_cards()
    hear("charge.dispute.created", dispute_of(order), now)

    stories.recover(order, now)

    order.refresh_from_db()
    assert (statuses(order), order.status) == (["paid", "paid"], "completed")


def test_a_paused_order_can_be_canceled(api, paused):
    answer = api.post(f"/installments/orders/{paused.id}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")


def test_a_part_of_a_paused_order_cannot_be_paid_now(api, paused):
    part = stories.part(paused, 2)

    answer = api.post(f"/installments/installments/{part.id}/process")

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_dispute_of_a_canceled_order_changes_it_no_more(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    stories.cancel(order, at("03-02"))

    hear("charge.dispute.created", dispute_of(order), now)
    close(order, sandbox, "lost", now)

    order.refresh_from_db()
    assert order.status == "canceled"


def test_money_lost_to_one_of_two_disputes_defaults_the_order_whatever_becomes_of_the_other(
    agree, sandbox, now
):
    order = agree("ada", THREE, payment_method=DISPUTED)
    for day in ("03-01", "04-01"):
        stories.sweep(at(day))
        stories.collect_cards()
    for number in (1, 2):
        hear("charge.dispute.created", dispute_of(order, number), now)

    close(order, sandbox, "lost", now, number=1)
    close(order, sandbox, "won", now, number=2)

    assert InstallmentOrder.objects.get().status == "defaulted"
