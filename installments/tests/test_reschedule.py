"""An unpaid part moves to another date, with all its tries before it again."""

from __future__ import annotations

from datetime import date

import pytest
from django.utils import timezone

from installments.models import InstallmentOrder
from installments.tests import stories
from installments.tests.stories import VISA, at, event_types, parts, revisions, statuses

THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "05-01"))
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]


def test_a_part_is_due_at_the_due_hour_of_its_new_date(agree):
    order = agree("ada", THREE, timezone="Europe/Berlin")

    stories.reschedule(stories.part(order, 2), "2024-03-31", at("03-15"))

    assert stories.part(order, 2).next_attempt_at == at("03-31", hour=7, minute=0)


def test_it_is_a_revision_and_told(agree):
    order = agree("ada", THREE)

    stories.reschedule(stories.part(order, 2), "2024-04-20", at("03-15"))

    shown = {"installment_number": 2, "status": "pending"}
    assert revisions(order) == [
        (
            1,
            "rescheduled",
            {"installments": [shown | {"due_date": "2024-04-01"}]},
            {"installments": [shown | {"due_date": "2024-04-20"}]},
        )
    ]
    assert event_types(order)[-1] == "installment_order.revised"


def test_a_failed_part_is_tried_again_from_its_new_date(agree, wallet):
    order = agree("ada", THREE)
    for day in TRIES:
        stories.sweep(at(day))
    assert statuses(order)[0] == "failed"

    stories.reschedule(stories.part(order), "2024-03-28", at("03-20"))

    part = stories.part(order)
    order.refresh_from_db()
    assert (part.status, part.attempts) == ("pending", 0)
    assert (order.past_due, order.default_at) == (False, None)
    wallet("ada", 5000)
    assert stories.sweep(at("03-28")).paid == 1


def test_moved_to_today_it_is_due_at_once(agree):
    order = agree("ada", THREE)

    stories.reschedule(stories.part(order, 3), "2024-03-15", at("03-15", hour=6))

    assert stories.part(order, 3).next_attempt_at == at("03-15", hour=6)


def test_a_part_of_a_paused_order_moves_and_waits(agree):
    order = agree("ada", THREE)
    stories.pause(order, at("02-01"))

    stories.reschedule(stories.part(order, 2), "2024-04-20", at("03-15"))
    assert stories.part(order, 2).next_attempt_at is None

    stories.resume(order, at("03-16"))
    assert stories.part(order, 2).next_attempt_at == at("04-20", minute=0)


def test_the_same_date_again_changes_nothing(agree):
    order = agree("ada", THREE)

    stories.reschedule(stories.part(order, 2), "2024-04-01", at("03-15"))

    assert revisions(order) == []


@pytest.fixture
def soon(agree):
    """An order whose parts are due in 2099."""
    return agree(
        "ada", [stories.Part(5000, date(2099, 3, 1)), stories.Part(5000, date(2099, 4, 1))]
    )


def patch(api, part, **body):
    return api.patch(f"/installments/installments/{part.id}", body)


def test_partners_move_a_part(api, soon):
    part = stories.part(soon, 2)

    answer = patch(api, part, due_date="2099-04-15", reason="Asked by phone")

    assert (answer.status_code, answer.json()["due_date"]) == (200, "2099-04-15")
    assert api.get(f"/installments/installments/{part.id}").json() == answer.json()


@pytest.mark.parametrize(
    ("day", "code"), [("2001-01-01", "date_in_past"), ("2999-01-01", "date_too_far")]
)
def test_a_date_out_of_reach_is_refused(api, soon, day, code):
    answer = patch(api, stories.part(soon, 2), due_date=day)

    assert answer.status_code == 400
    assert answer.json()["errors"][0] | {"detail": ""} == {
        "field": "due_date", "code": code, "detail": "",
    }  # fmt: skip


def test_a_paid_part_cannot_be_moved(api, agree, wallet):
    wallet("ada", 5000)
    order = agree("ada", THREE)
    stories.sweep(at("03-01"))

    answer = patch(api, stories.part(order), due_date="2099-01-01")

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_part_whose_charge_is_under_way_cannot_be_moved(api, agree, sandbox):
    order = agree("ada", THREE, payment_method=VISA)
    stories.sweep(at("03-01"))

    answer = patch(api, stories.part(order), due_date="2099-01-01")

    assert (answer.status_code, answer.json()["code"]) == (409, "charge_in_progress")


def test_a_part_of_a_canceled_order_cannot_be_moved(api, agree):
    order = agree("ada", THREE)
    stories.cancel(order, timezone.now())

    answer = patch(api, stories.part(order), due_date="2099-01-01")

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")
    assert InstallmentOrder.objects.get().status == "canceled"
