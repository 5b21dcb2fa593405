from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from partners.models import ALL_SCOPES, Scope

READS = ["/wallets", "/charges", "/installments/orders", "/webhooks", "/webhooks/endpoints"]
WRITES = {
    "/wallets": Scope.WALLETS,
    "/wallets/ada/credit": Scope.WALLETS,
    "/wallets/ada/debit": Scope.WALLETS,
    "/charges": Scope.CHARGES,
    "/payment-methods": Scope.CHARGES,
    "/installments/orders": Scope.INSTALLMENTS,
    "/webhooks/endpoints": Scope.WEBHOOKS,
}


@pytest.mark.parametrize("path", READS)
def test_a_read_needs_the_scope_read(path, partner, make_api):
    without = make_api(partner, scopes=[s for s in ALL_SCOPES if s != Scope.READ])

    answer = without.get(path)

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert make_api(partner, scopes=[Scope.READ]).get(path).status_code == 200


@pytest.mark.parametrize(("path", "scope"), WRITES.items())
def test_a_write_needs_its_scope(path, scope, partner, make_api):
    without = make_api(partner, scopes=[s for s in ALL_SCOPES if s != scope])

    answer = without.post(path, {})

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert scope in answer.json()["detail"]


@pytest.mark.parametrize(("path", "scope"), WRITES.items())
def test_a_write_needs_no_other_scope(path, scope, partner, make_api):
    answer = make_api(partner, scopes=[scope]).post(path, {})

    assert answer.status_code == 400


def test_a_key_without_scopes_opens_nothing(partner, make_api):
    assert make_api(partner, scopes=[]).get("/wallets").status_code == 403


@pytest.fixture
def staff_client(committed, settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


def test_a_staff_session_does_not_open_the_api(staff_client):
    assert staff_client.get("/admin/", secure=True).status_code == 200

    assert staff_client.get("/wallets", secure=True).status_code == 401


def test_an_api_key_does_not_open_the_admin(api):
    answer = api.get("/admin/")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
