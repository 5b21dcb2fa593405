"""What waits for a person is counted, and its list shows exactly that."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory

from charges.models import Charge, Dispute, Refund
from staff import attention
from webhooks.models import Endpoint


@pytest.fixture
def request_of(committed):
    def request_of(user):
        request = RequestFactory().get("/admin/")
        request.user = user
        return request

    return request_of


@pytest.fixture
def endpoints(api):
    for port in (1, 2, 3):
        api.post("/webhooks/endpoints", {"url": f"http://127.0.0.1:{port}/"})
    Endpoint.objects.filter(url__contains=":1/").update(
        is_active=False, disabled_reason="The receiver answered 410 Gone."
    )
    Endpoint.objects.filter(url__contains=":3/").update(is_active=False)  # by its partner


def test_an_endpoint_that_was_disabled_waits_for_a_person(endpoints, request_of):
    request = request_of(User.objects.create_superuser("ada"))

    assert [(c.model, count) for c, count in attention.waiting(request)] == [(Endpoint, 1)]


def test_nobody_is_told_of_lists_that_they_may_not_see(endpoints, request_of):
    user = User.objects.create_user("bob", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_charge"))

    assert attention.waiting(request_of(user)) == []


def test_the_sidebar_has_a_badge(endpoints):
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))

    shown = client.get("/admin/", secure=True).context["sidebar_navigation"]

    badges = {item["title"]: item.get("badge") for group in shown for item in group["items"]}
    assert (badges["Endpoints"], badges["Charges"]) == (1, 0)


@pytest.mark.parametrize("concern", attention.CONCERNS, ids=lambda concern: concern.title)
def test_the_list_behind_it_answers(concern, committed):
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))

    assert client.get(concern.url, secure=True).status_code == 200


def test_the_lists_show_what_is_counted(endpoints):
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    (concern,) = (c for c in attention.CONCERNS if c.model is Endpoint)

    shown = client.get(concern.url, secure=True).context["cl"].result_list

    assert [row.disabled_reason for row in shown] == ["The receiver answered 410 Gone."]


def test_models_that_wait_are_those_of_the_contract():
    assert {c.model for c in attention.CONCERNS} >= {Charge, Refund, Dispute, Endpoint}
