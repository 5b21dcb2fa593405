"""Every failure says whether it is tried again, when, or why not: charge, part and events alike."""

from __future__ import annotations

import json

import pytest

from installments.tests import stories
from installments.tests.stories import at, parts
from webhooks.models import Event

TWO = parts((5000, "03-01"), (5000, "04-01"))
DECLINED = "pm_card_chargeDeclined"
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]
AGAIN = {"will_retry": True, "next_attempt_at": "2024-03-02T09:00:00Z", "why_not": None}


def run(day):
    stories.sweep(at(day))
    stories.collect_cards()


def outlook(shown):
    return {name: shown["failure"][name] for name in ("will_retry", "next_attempt_at", "why_not")}


def told(type_, resource):
    event = Event.objects.filter(type=type_, resource_id=resource.id).latest("sequence")
    return event.data if isinstance(event.data, dict) else json.loads(event.data)


@pytest.mark.parametrize("card", ["", DECLINED])
def test_a_failure_that_is_tried_again_says_when(api, agree, sandbox, card):
    order = agree("ada", TWO, payment_method=card)

    run("03-01")

    charge = stories.charges_of(order).get()
    assert outlook(api.get(f"/charges/{charge.id}").json()) == AGAIN
    assert outlook(told("charge.failed", charge)) == AGAIN
    (first, _) = api.get(f"/installments/orders/{order.id}").json()["installments"]
    assert outlook(first) == AGAIN
    assert outlook(api.get(f"/installments/installments/{first['id']}").json()) == AGAIN


@pytest.mark.parametrize("card", ["", DECLINED])
def test_the_last_failure_says_that_the_tries_are_used_up(agree, sandbox, card):
    order = agree("ada", TWO[:1], payment_method=card)

    for day in TRIES:
        run(day)

    for shown in (
        told("charge.failed", stories.charges_of(order).last()),
        told("installment.failed", stories.part(order)),
    ):
        assert outlook(shown) == {
            "will_retry": False,
            "next_attempt_at": None,
            "why_not": "The schedule of retries is used up: it is not tried again by itself.",
        }


@pytest.mark.parametrize(
    ("act", "words"),
    [(stories.pause, "Its order is paused"), (stories.cancel, "Its order is canc")],
)
def test_a_card_that_declines_meanwhile_says_why_not(agree, sandbox, act, words):
    order = agree("ada", TWO, payment_method=DECLINED)
    sandbox.fault("error_500_after", path="/confirm")
    stories.sweep(at("03-01"))
    stories.collect_cards()
    act(order, at("03-01"))

    stories.recover(order, at("03-01"))

    shown = outlook(told("charge.failed", stories.charges_of(order).get()))
    assert (shown["will_retry"], shown["next_attempt_at"]) == (False, None)
    assert shown["why_not"].startswith(words)


def test_a_part_says_what_is_true_now(api, agree, sandbox):
    order = agree("ada", TWO, payment_method=DECLINED)
    run("03-01")
    stories.pause(order, at("03-01"))

    (first, second) = api.get(f"/installments/orders/{order.id}/installments").json()

    assert outlook(first)["why_not"].startswith("Its order is paused")
    assert second["failure"] is None


def test_a_charge_that_no_order_asked_for_says_that_nobody_tries_again(api):
    charge = api.post("/charges", {"customer_id": "ada", "amount": "10.00"}).json()

    assert charge["failure"]["will_retry"] is False
    assert "no installment order" in charge["failure"]["why_not"]


def test_a_failed_part_that_fails_again_is_told_once(agree):
    order = agree("ada", TWO[:1])
    for day in TRIES:
        run(day)

    stories.process(stories.part(order), at("03-20"))

    assert stories.event_types(stories.part(order)).count("installment.failed") == 1
    order.refresh_from_db()
    assert order.default_at == at("04-14")
