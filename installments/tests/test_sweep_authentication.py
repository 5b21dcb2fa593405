"""Parts whose card asks its holder, and cards that were stopped and work again."""

from __future__ import annotations

import pytest

from charges import services as charges
from charges.gateway.client import client
from charges.models import Charge
from charges.tests.steps import authenticate, hear
from installments.models import Installment, InstallmentOrder
from installments.tests import stories
from installments.tests.stories import BY, at, event_types, parts, statuses

TWO = parts((5000, "03-01"), (5000, "04-01"))
SECURE = "pm_card_authenticationRequired"
LOST = "pm_card_chargeDeclinedLostCard"


@pytest.fixture
def waiting(agree, wallet, sandbox):
    """An order whose first part waits for its cardholder; 20.00 are held."""
    wallet("ada", 2000)
    order = agree("ada", TWO, payment_method=SECURE)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    return order


def charge_of(order):
    return stories.charges_of(order).last()


def test_a_part_that_waits_for_its_cardholder_is_processing_and_not_tried_again(waiting):
    for day in ("03-02", "03-04", "03-09"):
        stories.sweep(at(day))

    assert charge_of(waiting).status == "requires_action"
    assert statuses(waiting) == ["processing", "pending"]
    assert stories.charges_of(waiting).count() == 1


def test_requires_action_is_no_failure(waiting):
    assert stories.part(waiting).attempts == 1
    assert event_types(stories.part(waiting)) == []


def test_the_cardholder_pays_the_part(waiting, sandbox, now):
    authenticate(charge_of(waiting).id, sandbox)
    hear("payment_intent.succeeded", charge_of(waiting).external_charge_id, now)

    assert statuses(waiting) == ["paid", "pending"]
    assert event_types(stories.part(waiting)) == ["installment.paid"]


@pytest.mark.parametrize("end", ["expired", "canceled"])
def test_a_cardholder_who_does_not_come_leaves_the_part_to_the_next_try(waiting, end):
    charge = charge_of(waiting)
    if end == "canceled":
        charges.cancel(charge_id=charge.id, by=BY, now=at("03-01"))
    else:
        charges.collect(charge_id=charge.id, by=BY, now=charge.action_expires_at)

    part = stories.part(waiting)
    assert statuses(waiting)[0] == "pending"
    assert part.next_attempt_at == at("03-02", minute=0)
    assert refused(InstallmentOrder.objects.get()) == []


def test_the_last_try_that_expires_fails_the_part(waiting):
    Installment.objects.filter(order=waiting, status="processing").update(next_attempt_at=None)
    charge = charge_of(waiting)

    charges.collect(charge_id=charge.id, by=BY, now=charge.action_expires_at)

    assert statuses(waiting)[0] == "failed"
    assert event_types(stories.part(waiting)) == ["installment.failed"]


def test_canceling_the_order_cancels_what_waits_for_its_cardholder(waiting, sandbox):
    stories.cancel(waiting, at("03-01"))

    assert charge_of(waiting).status == "canceled"
    assert statuses(waiting) == ["canceled", "canceled"]
    assert sandbox.summary()["payment_intents"].get("requires_action", 0) == 0


def test_canceling_goes_on_where_the_processor_was_away(waiting, sandbox):
    sandbox.fault("drop_before", path="/cancel", times=1)
    with pytest.raises(charges.ProcessorUnavailable):
        stories.cancel(waiting, at("03-01"))

    stories.cancel(waiting, at("03-01"))

    assert charge_of(waiting).status == "canceled"


@pytest.fixture
def stopped(api, partner, agree, sandbox, now):
    """An order whose saved card was reported expired: it is not asked again."""
    body = {"customer_id": "ada", "payment_method": "pm_card_visa"}
    saved = api.post("/payment-methods", body).json()["payment_method"]
    order = agree("ada", TWO)
    sandbox.become(saved, "chargeDeclinedExpiredCard")
    stories.sweep(at("03-01"))
    stories.collect_cards()
    assert charge_of(order).failure_code == "expired_card"
    sandbox.become(saved, "visa")
    return order, saved


def refused(order):
    return InstallmentOrder.objects.with_refusals().get(id=order.id).refused_cards


def test_a_renewed_card_is_asked_again(stopped, now):
    order, saved = stopped
    renewed = {"card": {"exp_month": 11, "exp_year": 2099}}
    client().v1.payment_methods.update(saved, params=renewed)

    hear("payment_method.automatically_updated", saved, now)
    stories.sweep(at("03-02"))
    stories.collect_cards()

    assert statuses(order)[0] == "paid"
    assert refused(order) == []


def test_an_update_that_renews_nothing_lifts_nothing(stopped, now):
    order, saved = stopped
    client().v1.payment_methods.update(saved, params={"metadata": {"a": "b"}})

    hear("payment_method.updated", saved, now)

    assert refused(order) == [saved]


def test_another_card_is_asked_instead_of_a_stopped_one(api, agree, sandbox):
    order = agree("ada", TWO, payment_method=LOST)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    assert refused(order) == [order.card]

    api.post("/payment-methods", {"customer_id": "ada", "payment_method": "pm_card_visa"})
    stories.sweep(at("03-02"))
    stories.collect_cards()

    assert statuses(order)[0] == "paid"


def told(api, charge):
    entries = api.get(f"/charges/{charge.id}/timeline").json()["entries"]
    return [entry["text"] for entry in entries if entry["type"] == "outlook"]


def test_the_timeline_says_when_the_part_is_tried_again(api, agree, sandbox):
    order = agree("ada", TWO, payment_method="pm_card_chargeDeclined")
    stories.sweep(at("03-01"))
    stories.collect_cards()

    assert told(api, charge_of(order)) == [
        "Its installment is tried again at 2024-03-02T09:00:00Z."
    ]


def test_the_timeline_says_that_a_stopped_card_is_not_asked(api, agree, sandbox):
    order = agree("ada", TWO, payment_method=LOST)
    stories.sweep(at("03-01"))
    stories.collect_cards()

    assert "with another card, or the wallet" in told(api, charge_of(order))[0]


def test_the_timeline_of_an_old_try_names_the_later_one(api, agree, sandbox):
    order = agree("ada", TWO, payment_method="pm_card_chargeDeclined")
    for day in ("03-01", "03-02"):
        stories.sweep(at(day))
        stories.collect_cards()

    first, second = stories.charges_of(order)
    assert told(api, first) == [f"A later charge took its place: {second.id}."]


def test_the_timeline_says_that_nothing_follows_a_cancellation(api, agree, sandbox):
    order = agree("ada", TWO, payment_method="pm_card_chargeDeclined")
    stories.sweep(at("03-01"))
    stories.collect_cards()
    stories.cancel(order, at("03-01"))

    assert told(api, Charge.objects.get()) == ["Its order is canceled: it is not tried again."]


def test_the_timeline_says_that_the_tries_are_used_up(api, agree, sandbox):
    order = agree("ada", TWO[:1], payment_method="pm_card_chargeDeclined")
    for day in ("03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"):
        stories.sweep(at(day))
        stories.collect_cards()

    assert told(api, charge_of(order))[0].startswith("The schedule of retries is used up")
