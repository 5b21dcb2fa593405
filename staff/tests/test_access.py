"""Who may do what, how they log in, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from staff.approvals import ALL
from staff.models import PERMISSIONS
from staff.tests.conftest import Browser, path_of, text

LOGIN = "/admin/login/"
PASSWORD = "correct horse"
VIEWS = {
    "wallets.view_wallet", "wallets.view_ledgerentry", "charges.view_charge",
    "installments.view_installmentorder", "webhooks.view_delivery", "partners.view_apikey",
}  # fmt: skip
TRAIL = {"staff.view_auditentry", "staff.view_approval"}
KEYS = {"staff.apikey_rotate", "staff.apikey_revoke"}
DEEDS = {f"staff.{name}" for name, _ in PERMISSIONS}
EDITS = {
    "partners.change_partner", "partners.add_apikey", "webhooks.change_endpoint",
    "auth.change_user", "auth.add_user", "django_celery_beat.change_periodictask",
    "otp_totp.delete_totpdevice", "axes.delete_accessattempt",
}  # fmt: skip
EVERYTHING = VIEWS | TRAIL | DEEDS | EDITS
MATRIX = {
    "support": VIEWS,
    "finance": (VIEWS | TRAIL | DEEDS) - KEYS,
    "auditor": VIEWS | TRAIL | {"staff.export"},
    "administrator": EVERYTHING,
}


# Groups ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", MATRIX)
def test_the_matrix_of_permissions(person, group):
    user = person("ida", group).user

    assert {name for name in EVERYTHING if user.has_perm(name)} == MATRIX[group]


def test_migrating_writes_the_groups_and_leaves_others(committed):
    Group.objects.create(name="interns")

    call_command("migrate", verbosity=0)

    names = set(Group.objects.values_list("name", flat=True))
    Group.objects.filter(name="interns").delete()
    assert names >= {*MATRIX, "interns"}


def test_what_is_taken_from_a_group_by_hand_comes_back(person):
    Group.objects.get(name="auditor").permissions.clear()

    call_command("migrate", verbosity=0)

    assert person("ida", "auditor").user.has_perm("staff.view_auditentry")


def test_each_action_has_a_permission_of_the_matrix():
    assert {action.permission for action in ALL.values()} <= {name for name, _ in PERMISSIONS}


@pytest.mark.parametrize("group", ["support", "auditor"])
def test_who_may_only_look_is_offered_nothing_and_refused(person, group, wallet):
    ida = person("ida", group)

    shown = text(ida.page(wallet))

    assert "staff-actions" not in shown
    for name in ("credit", "debit", "freeze"):
        assert ida.get(path_of(name, wallet)).status_code == 403
        assert ida.review(name, wallet, amount="1.00").status_code == 403


def test_strangers_are_sent_to_the_login(wallet):
    answer = Client().get(path_of("credit", wallet), secure=True)

    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, LOGIN)


def test_a_person_who_is_no_staff_is_sent_to_the_login(committed, wallet):
    visitor = Browser(User.objects.create_user("visitor"))

    assert visitor.get(path_of("credit", wallet)).status_code == 302


def test_an_action_needs_the_forms_token(fay, wallet):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(fay.user, "django.contrib.auth.backends.ModelBackend")

    assert strict.post(path_of("freeze", wallet), {"reason": "x"}, secure=True).status_code == 403


# Logins ------------------------------------------------------------------------------------------


def log_in(client, password=PASSWORD, username="fay"):
    return client.post(LOGIN, {"username": username, "password": password}, secure=True)


def test_after_five_wrong_passwords_the_right_one_is_refused_for_a_quarter_of_an_hour(fay):
    for _ in range(5):
        log_in(Client(), "wrong")

    locked = log_in(Client())
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        later = log_in(Client())

    assert (locked.status_code, later.status_code) == (429, 302)
    assert "Too many wrong passwords" in locked.content.decode()


def test_a_lock_is_for_one_name(fay, gil):
    for _ in range(5):
        log_in(Client(), "wrong")

    assert log_in(Client(), username="gil").status_code == 302


def test_an_administrator_takes_a_lock_away(fay, root):
    from axes.models import AccessAttempt

    for _ in range(5):
        log_in(Client(), "wrong")
    row = AccessAttempt.objects.get()

    root.post(f"/admin/axes/accessattempt/{row.pk}/delete/", post="yes")

    assert log_in(Client()).status_code == 302


def test_a_session_ends_twelve_hours_after_the_login_however_busy(fay):
    start = timezone.now()
    assert fay.get("/admin/").status_code == 200
    for minutes in range(30, 12 * 60, 30):
        with time_machine.travel(start + timedelta(minutes=minutes)):
            assert fay.get("/admin/").status_code == 200

    with time_machine.travel(start + timedelta(hours=12, minutes=1)):
        assert fay.get("/admin/").status_code == 302


def test_a_session_ends_after_an_idle_hour(fay):
    fay.get("/admin/")

    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert fay.get("/admin/").status_code == 302


def test_strangers_and_the_api_write_no_session(api, fay):
    before = Session.objects.count()
    stranger = Client()
    stranger.cookies["sessionid"] = "a" * 32

    stranger.get("/health", secure=True)
    api.get("/wallets")

    assert Session.objects.count() == before


def test_behind_a_proxy_the_clients_address_counts(fay, settings):
    settings.PROXIES = 1
    forged = {"x-forwarded-for": "9.9.9.9, 203.0.113.5"}
    for _ in range(5):
        Client(headers=forged).post(LOGIN, {"username": "fay", "password": "x"}, secure=True)

    theirs = Client(headers={"x-forwarded-for": "8.8.8.8, 203.0.113.5"})
    others = Client(headers={"x-forwarded-for": "203.0.113.77"})

    assert (log_in(theirs).status_code, log_in(others).status_code) == (429, 302)


def test_whoever_is_no_staff_any_more_is_led_in_no_circle(fay, settings):
    settings.STAFF_TWO_FACTOR = True
    User.objects.update(is_staff=False)

    assert fay.get(LOGIN).status_code == 200


# Two factors -------------------------------------------------------------------------------------

PAGE = "/admin/two-factor"


def code(device):
    """What the person's app shows now."""
    return f"{totp(device.bin_key):06}"


@pytest.fixture
def with_device(fay):
    device = TOTPDevice.objects.create(user=fay.user, name="phone", confirmed=True)
    return fay, device


def test_a_person_adds_a_second_factor_by_its_picture(fay):
    shown = text(fay.get(PAGE))
    device = TOTPDevice.objects.get()
    assert "<svg" in shown
    assert not device.confirmed

    answer = fay.post(PAGE, token=code(device))

    device.refresh_from_db()
    assert (answer.status_code, device.confirmed) == (302, True)
    assert fay.get("/admin/").status_code == 200


def test_each_look_at_the_picture_is_of_a_new_secret(fay):
    fay.get(PAGE)
    first = TOTPDevice.objects.get().key
    fay.get(PAGE)

    assert TOTPDevice.objects.get().key != first


def test_a_password_without_the_factor_does_not_turn_it_off(with_device):
    """Whoever has no verified session gives a code to come in, and nothing else."""
    fay, device = with_device

    fay.post(PAGE, off="1", token=code(device))

    assert TOTPDevice.objects.filter(confirmed=True).exists()


def test_who_has_one_sees_no_page_before_it_is_given(with_device):
    fay, device = with_device

    before = fay.get("/admin/wallets/wallet/")
    fay.post(PAGE, token=code(device))

    assert (before.status_code, before["Location"]) == (302, PAGE)
    assert fay.get("/admin/wallets/wallet/").status_code == 200


@pytest.mark.parametrize("token", ["", "12345", "abcdef", "000000", "٣٣٣٣٣٣"])
def test_a_wrong_code_opens_nothing(with_device, token):
    fay, _ = with_device

    assert fay.post(PAGE, token=token).context["form"].errors
    assert fay.get("/admin/").status_code == 302


def test_guessing_is_throttled(with_device):
    fay, device = with_device
    with time_machine.travel(timezone.now(), tick=False):  # it is bounded by seconds
        for _ in range(3):
            fay.post(PAGE, token="000000")

        answer = fay.post(PAGE, token=code(device))

    assert "Too many wrong codes" in str(answer.context["form"].errors)


def test_a_code_opens_once(with_device):
    fay, device = with_device
    token = code(device)
    fay.post(PAGE, token=token)
    again = Browser(fay.user)

    assert again.post(PAGE, token=token).context["form"].errors


def test_everybody_needs_one_under_the_setting(fay, settings):
    settings.STAFF_TWO_FACTOR = True

    answer = fay.get("/admin/")

    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    assert "required here" in text(fay.get(PAGE))


def test_it_is_turned_off_with_another_code(with_device):
    fay, device = with_device
    fay.post(PAGE, token=code(device))
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        fay.post(PAGE, off="1", token=code(device))

    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_a_stolen_session_does_not_turn_it_off(with_device):
    fay, _ = with_device

    fay.post(PAGE, off="1", token="123456")

    assert TOTPDevice.objects.filter(confirmed=True).exists()


def test_an_administrator_removes_the_factor_of_a_lost_phone(with_device, root):
    _, device = with_device

    root.post(f"/admin/otp_totp/totpdevice/{device.pk}/delete/", post="yes")

    assert not TOTPDevice.objects.exists()


def test_no_page_of_staff_shows_the_secret_of_a_factor(with_device, root):
    _, device = with_device

    shown = text(root.get(f"/admin/otp_totp/totpdevice/{device.pk}/change/"))

    assert device.key not in shown
