"""Staff see which rows sweeps set aside, and why, and have them tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from conftest import BY
from installments import services as installments
from installments.as_of import AsOf
from installments.models import InstallmentOrder
from partners.models import Quarantined
from staff.models import AuditEntry
from staff.tests.conftest import text


def sweep(now):
    return installments.sweep(as_of=AsOf(now), by=BY, now=now)


@pytest.fixture
def aside(api, wallet):
    """A part that is due and whose order's zone was unknown, five times."""
    today = timezone.now().date().isoformat()
    body = {"customer_id": "ada", "amount": "100.00", "installment_count": 1}
    api.post("/installments/orders", {**body, "first_due_date": today})
    InstallmentOrder.objects.update(timezone="Mars/Base")
    for hours in (0, 1, 2, 3, 6):
        sweep(timezone.now() + timedelta(hours=hours))
    InstallmentOrder.objects.update(timezone="UTC")
    return Quarantined.objects.get(work="collect")


def test_the_overview_and_the_sidebar_tell_of_it(root, aside):
    assert "Rows that sweeps set aside" in text(root.get("/admin/"))


def test_the_list_says_which_and_why(root, aside):
    listed = reverse("admin:partners_quarantined_changelist")
    page = text(root.get(listed, state="set aside"))

    assert str(aside.row_id) in page
    assert "Mars/Base" in page


def test_trying_it_again_is_on_record_and_collects_it(fay, aside):
    fay.act("try-again", aside, reason="The zone is right again.")

    assert sweep(timezone.now() + timedelta(hours=7)).paid == 1
    entry = AuditEntry.objects.get(action="try-again")
    assert (entry.actor, entry.outcome) == ("staff:fay", "done")


def test_what_works_again_is_offered_to_nobody(fay, aside):
    assert fay.is_offered("try-again", aside)

    fay.act("try-again", aside)

    assert not fay.is_offered("try-again", aside)


def test_support_sees_it_and_cannot_have_it_tried(person, aside):
    sam = person("sam", "support")

    assert sam.page(aside).status_code == 200
    assert not sam.is_offered("try-again", aside)
