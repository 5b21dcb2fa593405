"""A partner's own policy is copied onto new orders, and each order keeps its copy."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from installments.models import CollectionPolicy
from installments.tests import stories
from installments.tests.stories import at, event_types, parts, statuses

ONE = parts((5000, "03-01"))


@pytest.fixture
def patient(partner):
    return CollectionPolicy.objects.create(
        partner=partner, name="patient", offsets=[0, 7], grace_days=3, default_after_days=10
    )


def test_the_policy_says_when_it_is_tried_overdue_and_defaulted(agree, patient):
    order = agree("ada", ONE)
    seen = {}
    for day in range(1, 31):
        swept = stories.sweep(at(f"03-{day:02d}"))
        seen |= {name: day for name in ("overdue", "defaulted") if getattr(swept, name)}
        if swept.collected:
            seen.setdefault("tries", []).append(day)

    order.refresh_from_db()
    assert seen == {"tries": [1, 8], "overdue": 5, "defaulted": 18}
    assert event_types(stories.part(order)) == ["installment.overdue", "installment.failed"]


def test_an_order_keeps_its_copy(agree, patient):
    order = agree("ada", ONE)
    CollectionPolicy.objects.all().delete()

    stories.sweep(at("03-01"))

    assert stories.part(order).next_attempt_at == at("03-08", minute=0)
    order.refresh_from_db()
    assert order.retry_policy["name"] == "patient"


def test_without_a_policy_it_is_the_standard_one(api):
    body = {"customer_id": "ada", "amount": "100.00", "installment_count": 2}
    shown = api.post("/installments/orders", body).json()

    assert shown["retry_policy"] == {
        "name": "standard", "offsets": [0, 1, 3, 5, 7, 10, 14], "grace_days": 0,
        "default_after_days": 30,
    }  # fmt: skip


def test_a_policy_of_one_try_fails_the_part_at_once(agree, partner):
    CollectionPolicy.objects.create(partner=partner, name="once", offsets=[0])
    order = agree("ada", ONE)

    stories.sweep(at("03-01"))

    order.refresh_from_db()
    assert (statuses(order), order.past_due) == (["failed"], True)


def test_another_partners_policy_is_not_taken(agree, other_api, patient):
    body = {"customer_id": "ada", "amount": "100.00", "installment_count": 2}

    shown = other_api.post("/installments/orders", body).json()

    assert shown["retry_policy"]["name"] == "standard"


@pytest.mark.parametrize("offsets", [[], [1, 3], [0, 3, 3], [0, 5, 3], [0, 366], list(range(31))])
def test_offsets_that_are_no_schedule_are_refused(partner, offsets):
    policy = CollectionPolicy(partner=partner, name="odd", offsets=offsets)

    with pytest.raises(ValidationError):
        policy.full_clean()
