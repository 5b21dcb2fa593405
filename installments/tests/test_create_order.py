from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.utils import timezone

from installments.models import InstallmentOrder
from installments.tests.stories import race
from webhooks.models import Event

SOON = timezone.now().date() + timedelta(days=40)


def body(**more):
    return {"customer_id": "ada", "amount": "100.00", "installment_count": 3, **more}


def listed(*amounts):
    parts = [
        {"amount": amount, "due_date": (SOON + timedelta(days=n)).isoformat()}
        for n, amount in enumerate(amounts)
    ]
    return {"customer_id": "ada", "amount": "100.00", "schedule": parts}


def create(api, order=None, **options):
    answer = api.post("/installments/orders", order or body(), **options)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def amounts(order):
    return [part["amount"] for part in order["installments"]]


def test_a_rule_becomes_numbered_parts_that_sum(api):
    order = create(api)

    assert amounts(order) == ["33.34", "33.33", "33.33"]
    assert [part["installment_number"] for part in order["installments"]] == [1, 2, 3]


def test_an_order_shows_all_that_it_agreed_on(api):
    order = create(api, body(description="bike", metadata={"sku": 7}, timezone="Asia/Tokyo"))

    assert order | {
        "customer_id": "ada", "amount": "100.00", "currency": "USD", "installment_count": 3,
        "installment_amount": "33.34", "status": "active", "past_due": False,
        "amount_paid": "0.00", "amount_remaining": "100.00", "frequency": "monthly",
        "interval": 1, "timezone": "Asia/Tokyo", "remainder": "spread", "payment_method": None,
        "split_instructions": [], "description": "bike", "metadata": {"sku": 7},
        "auto_apply": False, "completed_at": None,
    } == order  # fmt: skip


def test_an_installment_shows_what_the_contract_names(api):
    (part, *_) = create(api)["installments"]

    assert set(part) == {
        "id", "order_id", "installment_number", "amount", "late_fee", "due_date", "status",
        "attempts", "next_attempt_at", "failure", "charge_id", "paid_at", "created_at",
        "updated_at",
    }  # fmt: skip


def test_a_list_becomes_the_parts_as_given(api):
    order = create(api, listed("70.00", "20.00", "10.00"))

    assert amounts(order) == ["70.00", "20.00", "10.00"]
    assert order["installments"][0]["due_date"] == SOON.isoformat()
    assert (order["frequency"], order["remainder"], order["installment_count"]) == (None, None, 3)


@pytest.mark.parametrize(
    ("frequency", "interval", "days"), [("weekly", 1, 7), ("weekly", 3, 21), ("biweekly", 2, 28)]
)
def test_weeks_are_so_many_days_apart(api, frequency, interval, days):
    order = create(
        api, body(frequency=frequency, interval=interval, first_due_date=SOON.isoformat())
    )

    first, second, _ = [date.fromisoformat(p["due_date"]) for p in order["installments"]]
    assert (first, second) == (SOON, SOON + timedelta(days=days))


@pytest.mark.parametrize(
    ("currency", "amount", "parts"),
    [("JPY", "500", ["167", "167", "166"]), ("KWD", "1.000", ["0.340", "0.330", "0.330"])],
)
def test_amounts_have_their_currencys_decimals(api, currency, amount, parts):
    assert amounts(create(api, body(currency=currency, amount=amount))) == parts


def test_a_down_payment_is_a_part_of_its_own_due_today(api):
    order = create(api, body(down_payment="10.00"))

    assert amounts(order) == ["10.00", "30.00", "30.00", "30.00"]
    assert order["installments"][0]["due_date"] == timezone.now().date().isoformat()
    assert order["installment_amount"] == "10.00"


def test_sixty_parts_and_a_down_payment_are_sixty_one(api):
    order = create(api, body(installment_count=60, down_payment="1.00"))

    parts = api.get(f"/installments/orders/{order['id']}/installments").json()
    assert order["installment_count"] == len(parts) == 61


def test_split_instructions_come_back_as_sent(api, wallet):
    wallet("bob")
    rules = [{"recipient": "bob", "percentage": "12.50"}]

    order = create(api, body(split_instructions=rules))

    assert order["split_instructions"] == rules


def test_an_order_that_is_not_activated_is_pending_and_never_due(api):
    order = create(api, body(activate=False, first_due_date=timezone.now().date().isoformat()))

    assert (order["status"], order["activated_at"]) == ("pending", None)
    assert {part["next_attempt_at"] for part in order["installments"]} == {None}
    assert api.get("/installments/due-installments").json()["results"] == []


def test_a_part_due_today_is_due_at_once(api):
    create(api, body(first_due_date=timezone.now().date().isoformat()))

    (due,) = api.get("/installments/due-installments").json()["results"]

    assert due["installment_number"] == 1


def test_a_later_part_is_due_at_nine_local(api):
    order = create(api, body(first_due_date=SOON.isoformat(), timezone="Asia/Tokyo"))

    assert order["installments"][0]["next_attempt_at"] == f"{SOON}T00:00:00Z"


def test_an_activated_order_has_its_event(api):
    order = create(api)

    event = Event.objects.get(resource_id=order["id"])
    assert event.type == "installment_order.activated"
    assert json.loads(event.data) == order


def test_a_repeated_key_gets_the_order_as_it_now_stands(api):
    first = create(api, key="k1")
    api.post(f"/installments/orders/{first['id']}/cancel")

    again = api.post("/installments/orders", body(), key="k1")

    assert again.status_code == 201
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.json()["id"], again.json()["status"]) == (first["id"], "canceled")


def test_a_key_with_another_order_is_refused(api):
    create(api, key="k1")

    answer = api.post("/installments/orders", body(amount="100.01"), key="k1")

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_order_does_not_use_its_key_up(api):
    api.post("/installments/orders", body(amount="0"), key="k1")

    assert create(api, key="k1")["status"] == "active"


def test_an_order_needs_a_key(api):
    answer = api.client.post(
        "/installments/orders", body(), content_type="application/json", **api._headers()
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")


def test_sixteen_requests_with_one_key_make_one_order(api):
    answers = race(*[lambda: api.post("/installments/orders", body(), key="k1")] * 16)

    assert [answer.status_code for answer in answers] == [201] * 16
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert InstallmentOrder.objects.count() == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1


def test_a_key_belongs_to_its_partner(api, other_api):
    ours = create(api, key="k1")

    assert create(other_api, key="k1")["id"] != ours["id"]
