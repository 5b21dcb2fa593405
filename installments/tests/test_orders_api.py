from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from installments.tests import stories
from installments.tests.stories import VISA, at, parts

MARCH = parts((3334, "03-01"), (3333, "04-01"), (3333, "05-01"))


def url(order, action=""):
    return f"/installments/orders/{order.id}{action}"


def listed(api, **query):
    answer = api.get("/installments/orders", **query)
    assert answer.status_code == 200, answer.json()
    return [row["id"] for row in answer.json()["results"]]


def due(api, **query):
    answer = api.get("/installments/due-installments", **query)
    assert answer.status_code == 200, answer.json()
    return [row["due_date"] for row in answer.json()["results"]]


def test_an_order_is_read_by_its_id(api, agree):
    order = agree("ada", MARCH)

    answer = api.get(url(order))

    assert (answer.json()["id"], answer.json()["amount"]) == (str(order.id), "100.00")


def test_an_orders_parts_are_a_plain_array_in_order(api, agree):
    order = agree("ada", MARCH)

    answer = api.get(url(order, "/installments")).json()

    assert [part["installment_number"] for part in answer] == [1, 2, 3]
    assert answer == api.get(url(order)).json()["installments"]


def test_orders_are_listed_newest_first(api, agree):
    first, second = agree("ada", MARCH), agree("ada", MARCH)

    assert listed(api) == [str(second.id), str(first.id)]


def test_orders_are_filtered(api, agree):
    ada, bob = agree("ada", MARCH), agree("bob", MARCH, activate=False, now=at("02-01"))
    stories.sweep(at("03-02"))

    assert listed(api, customer_id="bob") == [str(bob.id)]
    assert listed(api, status="active") == [str(ada.id)]
    assert listed(api, past_due="true") == [str(ada.id)]
    assert listed(api, past_due="false") == [str(bob.id)]
    assert listed(api, created_gte="2024-02-01T00:00:00Z") == [str(bob.id)]
    assert listed(api, created_lt="2024-02-01T00:00:00Z") == [str(ada.id)]


@pytest.mark.parametrize("query", [{"stauts": "active"}, {"status": "open"}, {"past_due": "maybe"}])
def test_a_filter_that_is_not_understood_is_refused(api, query):
    assert api.get("/installments/orders", **query).status_code == 400


def test_due_installments_are_those_due_now(api, agree):
    tomorrow = timezone.now().date() + timedelta(days=2)
    plan = parts((3334, "03-01"), (3333, "04-01"))
    agree("ada", [*plan, plan[0].__class__(3333, tomorrow)])

    assert sorted(due(api)) == ["2024-03-01", "2024-04-01"]


def test_as_of_a_date_means_its_end(api, agree):
    agree("ada", MARCH)

    assert due(api, as_of="2024-02-29") == []
    assert due(api, as_of="2024-03-01") == ["2024-03-01"]
    assert len(due(api, as_of="2024-12-31")) == 3


def test_as_of_a_moment_is_exact(api, agree):
    agree("ada", MARCH, timezone="Asia/Tokyo")

    assert due(api, as_of="2024-03-01T08:59:59+09:00") == []
    assert due(api, as_of="2024-03-01T09:00:00+09:00") == ["2024-03-01"]


@pytest.mark.parametrize(
    "text", ["yesterday", "2024-02-30", "20240301", "2024-03-01T09:00", "\x00"]
)
def test_another_as_of_is_refused(api, text):
    answer = api.get("/installments/due-installments", as_of=text)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["as_of"]


def test_a_pending_order_is_activated(api, agree):
    order = agree("ada", MARCH, activate=False)

    answer = api.post(url(order, "/activate"))

    assert (answer.status_code, answer.json()["status"]) == (200, "active")
    assert answer.json()["activated_at"] is not None


def test_activating_again_changes_nothing(api, agree):
    order = agree("ada", MARCH)
    before = api.get(url(order)).json()

    answer = api.post(url(order, "/activate"))

    assert (answer.status_code, answer.json()) == (200, before)
    assert stories.event_types(order) == ["installment_order.activated"]


def test_a_canceled_order_is_not_activated(api, agree):
    order = agree("ada", MARCH, activate=False)
    stories.cancel(order, at("02-01"))

    answer = api.post(url(order, "/activate"))

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_canceling_leaves_paid_parts_paid(api, agree, wallet):
    wallet("ada", 3334)
    order = agree("ada", MARCH)
    stories.sweep(at("03-01"))

    answer = api.post(url(order, "/cancel")).json()

    assert [part["status"] for part in answer["installments"]] == ["paid", "canceled", "canceled"]
    assert (answer["status"], answer["amount_paid"]) == ("canceled", "33.34")


def test_canceling_again_changes_nothing(api, agree):
    order = agree("ada", MARCH)
    first = api.post(url(order, "/cancel")).json()

    again = api.post(url(order, "/cancel"))

    assert (again.status_code, again.json()) == (200, first)
    assert stories.event_types(order).count("installment_order.canceled") == 1


def test_a_completed_order_is_not_canceled(api, agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", MARCH)
    stories.sweep(at("06-01"))

    answer = api.post(url(order, "/cancel"))

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_canceled_order_is_past_due_no_more_and_never_due(api, agree):
    order = agree("ada", MARCH)
    stories.sweep(at("03-02"))

    answer = api.post(url(order, "/cancel")).json()

    assert answer["past_due"] is False
    assert due(api) == []


ROUTES = [
    ("get", "/installments/orders/{order}"),
    ("get", "/installments/orders/{order}/installments"),
    ("post", "/installments/orders/{order}/activate"),
    ("post", "/installments/orders/{order}/cancel"),
    ("post", "/installments/installments/{part}/process"),
]


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_another_partners_order_is_not_there(agree, other_api, method, route):
    order = agree("ada", MARCH, payment_method=VISA)
    path = route.format(order=order.id, part=stories.part(order).id)

    answer = getattr(other_api, method)(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert stories.statuses(order) == ["pending"] * 3


@pytest.mark.parametrize(("method", "route"), ROUTES)
@pytest.mark.parametrize("key", [uuid4(), "7", "null"])
def test_what_is_no_id_of_ours_is_not_found(api, method, route, key):
    answer = getattr(api, method)(route.format(order=key, part=key))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_another_partners_orders_are_not_listed(agree, other_api):
    agree("ada", MARCH)

    assert (listed(other_api), due(other_api)) == ([], [])
