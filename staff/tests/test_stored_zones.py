"""An order outlives what is known of its time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from installments import schedule
from installments.models import Installment, InstallmentOrder

ZONES = ["Mars/Base", "", "America", "../UTC", "US/Pacific-New", "Europe/\N{GREEK SMALL LETTER PI}"]
"""Renamed away, empty, a folder of zones, a path, a name that the database of zones dropped."""


@pytest.fixture(params=ZONES)
def lost(api, wallet, request):
    """Of two parts, in a zone that nobody knows any more."""
    body = {"customer_id": "ada", "amount": "50.00", "installment_count": 2}
    assert api.post("/installments/orders", body).status_code == 201
    InstallmentOrder.objects.update(timezone=request.param)
    return InstallmentOrder.objects.get()


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_that_is_not_known_is_a_fact(zone):
    with pytest.raises(schedule.UnknownTimeZone):
        schedule.local_date(datetime(2026, 3, 1, tzinfo=UTC), zone)


def test_its_pages_and_lists_answer(api, lost):
    for path in ("", f"/{lost.id}", f"/{lost.id}/installments"):
        assert api.get(f"/installments/orders{path}").status_code == 200, path
    due = api.get("/installments/due-installments", as_of="2099-01-01T00:00:00Z")
    assert len(due.json()["results"]) == 2


def test_staff_see_it(root, lost):
    for model in (InstallmentOrder, Installment):
        listed = reverse(f"admin:installments_{model._meta.model_name}_changelist")
        assert root.get(listed).status_code == 200
        assert root.get(f"{listed}export").status_code == 200
        assert root.page(model.objects.first()).status_code == 200


def test_what_needs_its_local_dates_is_refused(api, lost):
    part = Installment.objects.filter(order=lost).last()
    api.post(f"/installments/orders/{lost.id}/pause")

    answers = [
        api.patch(f"/installments/installments/{part.id}", {"due_date": "2099-01-01"}),
        api.post(f"/installments/orders/{lost.id}/resume", {"dates": "shift"}),
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(409, "unknown_timezone")] * 2


def test_staff_are_told_that_its_local_dates_are_not_known(root, lost):
    part = Installment.objects.filter(order=lost).last()

    page = root.review("reschedule", part, due_date="2099-01-01")

    assert "is not known" in page.content.decode()


def test_what_needs_no_local_date_goes_on(api, lost):
    paid = api.post(f"/installments/orders/{lost.id}/pay-off")

    assert (paid.status_code, paid.json()["status"]) == (200, "completed")
