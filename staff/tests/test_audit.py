"""The audit trail: complete, append-only, on its own page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test import Client
from django_celery_beat.models import PeriodicTask
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from partners.models import Partner
from staff.models import AuditEntry
from staff.tests.conftest import text
from wallets.models import Wallet

LIST = "/admin/staff/auditentry/"


@pytest.fixture
def entry(fay, wallet):
    fay.act("credit", wallet, amount="10.00", reason="<script>alert(1)</script>")
    return AuditEntry.objects.get(action="credit")


@pytest.mark.parametrize(
    "changes", [{"reason": "other"}, {"outcome": "begun"}, {"answer": "x"}, {"after": {}}]
)
def test_the_database_refuses_to_change_an_entry(entry, changes):
    with pytest.raises(IntegrityError, match="append-only"):
        AuditEntry.objects.filter(id=entry.id).update(**changes)


def test_the_database_refuses_to_delete_an_entry(entry):
    with pytest.raises(IntegrityError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM staff_auditentry")


def test_while_begun_only_its_end_can_be_written(entry):
    begun = AuditEntry.objects.get(id=entry.id)
    begun.pk, begun.token, begun.outcome = None, "7" * 32, "begun"
    begun.id = AuditEntry._meta.pk.get_default()
    begun.save(force_insert=True)

    with pytest.raises(IntegrityError, match="append-only"):
        AuditEntry.objects.filter(id=begun.id).update(outcome="done", actor="staff:eve")

    assert AuditEntry.objects.filter(id=begun.id).update(outcome="done") == 1


def test_it_has_a_page_for_auditors(person, entry):
    ida = person("ida", "auditor")

    assert "Credit 10.00 USD to ada" in text(ida.get(LIST))
    shown = text(ida.page(entry))
    assert "5010.00" in shown
    assert "<script>alert(1)" not in shown


def test_support_does_not_see_it(person, entry):
    ida = person("ida", "support")

    assert ida.get(LIST).status_code == 403
    assert "What staff did here" not in text(ida.page(Wallet.objects.get()))


def test_a_row_shows_what_staff_did_to_it(fay, wallet, entry):
    shown = text(fay.page(wallet))

    assert "What staff did here" in shown
    assert "Credit 10.00 USD to ada (USD)" in shown


def test_edits_on_djangos_pages_are_in_it(root, partner):
    root.post("/admin/partners/partner/add/", name="Initech")

    entry = AuditEntry.objects.get(action="add")
    made = Partner.objects.get(name="Initech")
    assert (entry.actor, entry.model, entry.object_id) == (
        "staff:root", "partners.partner", str(made.pk),
    )  # fmt: skip


def test_rows_are_not_deleted_in_heaps_past_it(root):
    first = User.objects.create_user("eve")

    root.post("/admin/auth/user/", action="delete_selected", _selected_action=first.pk, post="yes")

    assert User.objects.filter(username="eve").exists()


def test_what_is_done_to_schedules_from_the_list_is_in_it(root, impatient_beat):
    task = PeriodicTask.objects.first()

    root.post("/admin/django_celery_beat/periodictask/", action="disable_tasks",
              _selected_action=task.pk)  # fmt: skip

    task.refresh_from_db()
    assert not task.enabled
    assert "disable_tasks" in AuditEntry.objects.get(action="change").summary


def test_second_factors_are_in_it(fay):
    fay.get("/admin/two-factor")
    device = TOTPDevice.objects.get()

    fay.post("/admin/two-factor", token=f"{totp(device.bin_key):06}")

    assert AuditEntry.objects.get(action="account").summary.endswith("authentication on")


def test_logins_are_in_it(committed):
    User.objects.create_user("fay", password="correct horse", is_staff=True)

    Client().post("/admin/login/", {"username": "fay", "password": "correct horse"}, secure=True)

    assert AuditEntry.objects.get().actor == "staff:fay"
    assert AuditEntry.objects.get().action == "log-in"
