from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from charges import services as charges
from installments.schedule import Part
from installments.tests import stories
from installments.tests.stories import BY, VISA, at, parts

TWO = parts((5000, "03-01"), (5000, "04-01"))


def process(api, part):
    return api.post(f"/installments/installments/{part.id}/process")


def test_a_part_is_paid_before_it_is_due(api, agree, wallet):
    wallet("ada", 5000)
    order = agree("ada", TWO)

    answer = process(api, stories.part(order, 2))

    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert stories.statuses(order) == ["pending", "paid"]


def test_a_part_is_paid_by_card_in_the_request(api, agree, sandbox):
    order = agree("ada", TWO, payment_method=VISA)

    answer = process(api, stories.part(order))

    assert answer.json()["status"] == "paid"
    assert sandbox.summary()["succeeded_amount"] == {"usd": 5000}


def test_a_failure_does_not_use_up_the_retry_schedule(api, agree):
    plan = [Part(5000, timezone.now().date() + timedelta(days=9))]
    order = agree("ada", plan)
    before = stories.part(order)

    answer = process(api, before)

    after = stories.part(order)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert (after.attempts, after.next_attempt_at) == (0, before.next_attempt_at)
    assert after.charge.failure_code == "insufficient_funds"


def test_a_paid_part_stays_as_it_is(api, agree, wallet):
    wallet("ada", 20_000)
    order = agree("ada", TWO)
    first = process(api, stories.part(order)).json()

    again = process(api, stories.part(order))

    assert (again.status_code, again.json()) == (200, first)
    assert stories.charges_of(order).count() == 1


def test_a_part_whose_charge_is_under_way_is_not_charged_again(api, agree, sandbox):
    sandbox.fault("error_500_after", path="/confirm$")
    order = agree("ada", TWO, payment_method=VISA)
    first = process(api, stories.part(order))

    again = process(api, stories.part(order))

    assert first.json()["status"] == "processing"
    assert (again.status_code, again.json()["code"]) == (409, "charge_in_progress")
    assert stories.charges_of(order).count() == 1


def test_a_part_of_a_pending_order_is_not_charged(api, agree, wallet):
    wallet("ada", 5000)
    order = agree("ada", TWO, activate=False)

    answer = process(api, stories.part(order))

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_canceled_part_is_not_charged(api, agree, wallet):
    wallet("ada", 5000)
    order = agree("ada", TWO)
    stories.cancel(order, at("02-01"))

    answer = process(api, stories.part(order))

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_key_without_the_scope_processes_nothing(agree, wallet, partner, make_api):
    wallet("ada", 5000)
    order = agree("ada", TWO)

    answer = process(make_api(partner, scopes=["read", "charges:write"]), stories.part(order))

    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_the_last_part_completes_the_order(api, agree, wallet):
    wallet("ada", 10_000)
    order = agree("ada", TWO)

    for number in (2, 1):
        process(api, stories.part(order, number))

    shown = api.get(f"/installments/orders/{order.id}").json()
    assert (shown["status"], shown["amount_remaining"]) == ("completed", "0.00")
    assert stories.event_types(order)[-1] == "installment_order.completed"


def test_an_exhausted_part_is_paid_late(agree, wallet):
    order = agree("ada", parts((5000, "03-01")))
    for day in ("03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"):
        stories.sweep(at(day))
    wallet("ada", 5000)

    paid = stories.process(stories.part(order), at("03-20"))

    order.refresh_from_db()
    assert paid.status == "paid"
    assert (order.status, order.past_due, order.default_at) == ("completed", False, None)


def test_an_overdue_part_that_is_paid_makes_the_order_past_due_no_more(agree, wallet):
    order = agree("ada", TWO)
    stories.sweep(at("03-02"))
    wallet("ada", 5000)

    stories.process(stories.part(order), at("03-03"))

    order.refresh_from_db()
    assert (order.status, order.past_due) == ("active", False)


def test_threads_that_process_one_part_charge_it_once(agree, wallet):
    wallet("ada", 50_000)
    order = agree("ada", TWO)
    part = stories.part(order)

    answers = stories.race(*[lambda: stories.process(part, at("03-01"))] * 8)

    assert [answer.status for answer in answers] == ["paid"] * 8
    assert stories.charges_of(order).count() == 1


def test_threads_that_process_one_part_by_card_charge_it_once(agree, sandbox):
    order = agree("ada", TWO, payment_method=VISA)
    part = stories.part(order)

    answers = stories.race(*[lambda: stories.process(part, timezone.now())] * 6)

    charges.collect_due(by=BY)
    refused = [a for a in answers if isinstance(a, Exception)]
    assert {type(a).__name__ for a in refused} <= {"ChargeInProgress"}
    assert stories.statuses(order) == ["paid", "pending"]
    assert sandbox.summary()["payment_intents"]["succeeded"] == 1
