from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.utils import timezone

from charges.models import PaymentMethod
from installments.models import InstallmentOrder

TODAY = date(2026, 3, 2)
SOON, LATER, PAST = (str(TODAY + timedelta(days=n)) for n in (40, 41, -2))


@pytest.fixture(autouse=True)
def at_noon():
    """No test of this file meets midnight."""
    with time_machine.travel(datetime.combine(TODAY, time(12), UTC)):
        yield


def rule(**more):
    return {"customer_id": "ada", "amount": "100.00", "installment_count": 3, **more}


def listed(*parts, **more):
    schedule = [{"amount": amount, "due_date": due} for amount, due in parts]
    return {"customer_id": "ada", "amount": "100.00", "schedule": schedule, **more}


def without(body, name):
    return {key: value for key, value in body.items() if key != name}


def two(first, second):
    return listed(("50.00", first), ("50.00", second))


REFUSED = [
    (without(rule(), "customer_id"), "customer_id", "required"),
    (without(rule(), "amount"), "amount", "required"),
    (rule(amount="0"), "amount", "invalid_amount"),
    (rule(amount="-5"), "amount", "invalid_amount"),
    (rule(amount="1e2"), "amount", "invalid_amount"),
    (rule(amount=True), "amount", "invalid_amount"),
    (rule(amount="10.001"), "amount", "amount_precision"),
    (rule(amount="10000000000.01"), "amount", "invalid_amount"),
    (rule(currency="usd"), "currency", "unknown_currency"),
    (rule(installment_count=0), "installment_count", "min_value"),
    (rule(installment_count=61), "installment_count", "max_value"),
    (rule(installment_count="3"), "installment_count", "invalid"),
    (rule(installment_count=True), "installment_count", "invalid"),
    (rule(installment_count=2.0), "installment_count", "invalid"),
    (rule(amount="0.02"), "amount", "amount_too_small"),
    (rule(frequency="daily"), "frequency", "invalid_choice"),
    (rule(interval=0), "interval", "min_value"),
    (rule(remainder="middle"), "remainder", "invalid_choice"),
    (rule(installment_amount="33.30"), "installment_amount", "installment_amount_mismatch"),
    (rule(installment_amount="33.333"), "installment_amount", "amount_precision"),
    (rule(down_payment="0"), "down_payment", "invalid_amount"),
    (rule(down_payment="100.00"), "down_payment", "down_payment_too_large"),
    (rule(down_payment="500.00"), "down_payment", "down_payment_too_large"),
    (rule(down_payment="1", first_due_date=str(TODAY)), "first_due_date", "dates_not_increasing"),
    (rule(first_due_date=PAST), "first_due_date", "date_in_past"),
    (rule(first_due_date="2027-W01-1"), "first_due_date", "invalid"),
    (rule(first_due_date="20270101"), "first_due_date", "invalid"),
    (rule(first_due_date="2027-02-30"), "first_due_date", "invalid"),
    (rule(first_due_date="2027-01-01T00:00:00Z"), "first_due_date", "invalid"),
    (rule(first_due_date="٢٠٢٧-01-01"), "first_due_date", "invalid"),
    (rule(first_due_date=20270101), "first_due_date", "invalid"),
    (rule(first_due_date="9999-12-31"), "first_due_date", "date_too_far"),
    (rule(first_due_date="9999-12-31", frequency="weekly"), "first_due_date", "date_too_far"),
    (rule(timezone="Mars/Olympus"), "timezone", "unknown_timezone"),
    (rule(timezone="../UTC"), "timezone", "unknown_timezone"),
    (rule(timezone="europe/berlin"), "timezone", "unknown_timezone"),
    (rule(activate="yes"), "activate", "invalid"),
    (rule(status="completed"), "status", "unknown_field"),
    (rule(payment_method="4242"), "payment_method", "invalid_payment_method"),
    (without(rule(), "installment_count"), "non_field_errors", "count_or_schedule"),
    (two(SOON, LATER) | {"installment_count": 2}, "non_field_errors", "count_or_schedule"),
    (two(SOON, LATER) | {"frequency": "weekly"}, "frequency", "count_or_schedule"),
    (two(SOON, LATER) | {"down_payment": "1.00"}, "down_payment", "count_or_schedule"),
    (listed(), "schedule", "min_length"),
    (listed(*[("1.00", SOON)] * 61), "schedule", "max_length"),
    (two(PAST, SOON), "schedule", "date_in_past"),
    (two(LATER, SOON), "schedule", "dates_not_increasing"),
    (two(SOON, SOON), "schedule", "dates_not_increasing"),
    (two(SOON, "9999-12-31"), "schedule", "date_too_far"),
    (two(SOON, "2027-366"), "schedule[1].due_date", "invalid"),
    (listed(("50.00", SOON), ("50.005", LATER)), "schedule[1].amount", "amount_precision"),
    (listed(("100.00", SOON), ("0", LATER)), "schedule[1].amount", "invalid_amount"),
    (
        rule(split_instructions=[{"recipient": "bob", "amount": "1", "percentage": "1"}]),
        "split_instructions[0]", "amount_or_percentage",
    ),
    (
        rule(split_instructions=[{"recipient": "bob", "percentage": "100.01"}]),
        "split_instructions[0].percentage", "invalid_percentage",
    ),
    (
        rule(split_instructions=[{"recipient": "bob", "amount": "1.005"}]),
        "split_instructions[0].amount", "amount_precision",
    ),
]  # fmt: skip


@pytest.mark.parametrize("path", ["", "/preview"])
def test_a_field_is_refused_with_its_name_and_code(api, path):
    """One test for the table: each row costs a request, not a database."""
    wrong = []
    for body, field, code in REFUSED:
        answer = api.post(f"/installments/orders{path}", body)
        found = {(e["field"], e["code"]) for e in answer.json().get("errors", [])}
        if answer.status_code != 400 or (field, code) not in found:
            wrong.append((field, code, answer.status_code, found))

    assert wrong == []
    assert not InstallmentOrder.objects.exists()


RULES = [
    (listed(("50.00", SOON), ("49.99", LATER)), "schedule_sum_mismatch"),
    (listed(("50.00", SOON), ("50.01", LATER)), "schedule_sum_mismatch"),
    (rule(split_instructions=[{"recipient": "nobody", "amount": "1"}]), "unknown_recipient"),
    (rule(split_instructions=[{"recipient": "yen", "amount": "1"}]), "unknown_recipient"),
    (rule(split_instructions=[{"recipient": "bob", "amount": "100.01"}]), "split_exceeds_amount"),
    (rule(payment_method="pm_of_bob"), "unknown_payment_method"),
]


@pytest.mark.parametrize("path", ["", "/preview"])
@pytest.mark.parametrize(("body", "code"), RULES)
def test_a_rule_refuses_with_422(api, partner, wallet, path, body, code):
    wallet("bob")
    wallet("yen", currency="JPY")
    PaymentMethod.objects.create(
        partner=partner, customer_id="bob", external_id="pm_of_bob", external_customer_id="cus_b",
        brand="visa", last4="4242", exp_month=1, exp_year=2099, created_at=timezone.now(),
    )  # fmt: skip

    answer = api.post(f"/installments/orders{path}", body)

    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_recipient_of_another_partner_is_unknown(api, other_api):
    other_api.post("/wallets", {"customer_id": "eve"})

    answer = api.post(
        "/installments/orders", rule(split_instructions=[{"recipient": "eve", "amount": "1"}])
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_recipient")


def test_a_key_without_the_scope_makes_no_order(partner, make_api):
    reader = make_api(partner, scopes=["read"])

    answer = reader.post("/installments/orders", rule())

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_a_key_that_only_reads_may_preview(partner, make_api):
    answer = make_api(partner, scopes=["read"]).post("/installments/orders/preview", rule())

    assert answer.status_code == 200
