"""A charge that was claimed and is not collected yet, when its order ends or is paused."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from charges.gateway import intents
from charges.gateway.client import client
from charges.models import Charge
from charges.services import ProcessorUnavailable
from charges.tests.steps import hear_of_disputes, paid_intents
from installments import services
from installments.tests import stories
from installments.tests.stories import BY, VISA, at, event_types, parts, race, statuses

ONE = parts((5000, "03-01"))
NOW = at("03-01")
ASKS = "pm_card_authenticationRequired"


def asked(sandbox):
    return sum(sandbox.summary()["payment_intents"].values())


def collect_later(**wait):
    with time_machine.travel(timezone.now() + timedelta(**wait)):
        stories.collect_cards()


@pytest.fixture
def swept(agree, wallet, sandbox):
    """An order with a part of 50.00 that was claimed, 20.00 of it held, and waits for a worker."""
    wallet("ada", 2000)
    order = agree("ada", ONE, payment_method=VISA)
    stories.sweep(NOW)
    return order


@pytest.fixture
def waiting(agree, sandbox, now):
    """An order whose cardholder must authenticate."""
    order = agree("ada", ONE, payment_method=ASKS)
    stories.process(stories.part(order), now)
    return order


def test_a_canceled_order_asks_no_card_that_waited_for_a_worker(swept, sandbox):
    stories.cancel(swept, NOW)
    stories.collect_cards()

    assert (asked(sandbox), statuses(swept)) == (0, ["canceled"])


def test_what_was_held_for_a_canceled_order_is_free(swept, wallet):
    stories.cancel(swept, NOW)

    assert wallet("ada").held == 0


def test_the_charge_of_a_canceled_order_tells_that_it_was_canceled(swept):
    stories.cancel(swept, NOW)

    charge = stories.charges_of(swept).get()
    assert (charge.status, event_types(charge)) == ("canceled", ["charge.canceled"])


def test_a_paused_order_asks_no_card_that_waited_for_a_worker(swept, sandbox):
    stories.pause(swept, NOW)
    stories.collect_cards()

    assert (asked(sandbox), statuses(swept)) == (0, ["pending"])


def test_a_part_whose_charge_a_pause_ended_is_due_at_once_with_all_tries_when_it_resumes(
    swept, sandbox
):
    stories.pause(swept, NOW)
    stories.resume(swept, at("03-02"))

    part = stories.part(swept)
    assert (part.attempts, part.next_attempt_at) == (0, at("03-02"))


def test_a_later_try_that_a_pause_ended_does_not_count(agree, sandbox):
    order = agree("ada", ONE, payment_method="pm_card_chargeDeclined")
    stories.sweep(NOW)
    stories.collect_cards()
    stories.sweep(at("03-02"))

    stories.pause(order, at("03-02"))
    stories.resume(order, at("03-03"))

    part = stories.part(order)
    assert (part.attempts, part.next_attempt_at) == (1, at("03-03"))


def test_a_payment_on_request_that_a_pause_ended_gives_no_try_back(agree, sandbox):
    order = agree("ada", ONE, payment_method="pm_card_chargeDeclined")
    stories.sweep(NOW)
    stories.collect_cards()
    sandbox.fault("drop_before", path="/payment_intents$")
    stories.process(stories.part(order), at("03-02"))

    stories.pause(order, at("03-02"))

    assert stories.part(order).attempts == 1


def test_an_order_that_a_lost_dispute_defaults_asks_no_card_any_more(agree, sandbox, now):
    order = agree("ada", parts((5000, "03-01"), (5000, "04-01")), payment_method=VISA)
    stories.change(order, now, payment_method="pm_card_createDispute")
    stories.process(stories.part(order), now)
    paid = stories.charges_of(order).get()
    (dispute,) = client().v1.disputes.list(params={"payment_intent": paid.external_charge_id}).data
    stories.sweep(at("04-01"))
    sandbox.close_dispute(dispute.id, "lost")

    hear_of_disputes(paid.id, now)
    stories.collect_cards()

    assert (asked(sandbox), statuses(order)) == (1, ["paid", "pending"])


@pytest.mark.parametrize("end", [stories.cancel, stories.pause])
def test_an_intent_that_was_created_while_the_order_ended_is_never_confirmed(
    swept, sandbox, monkeypatch, end
):
    create = intents.create

    def create_and_end(charge, **more):
        made = create(charge, **more)
        end(swept, NOW)
        return made

    monkeypatch.setattr(intents, "create", create_and_end)
    stories.collect_cards()

    assert (paid_intents(), Charge.objects.get().status) == ([], "canceled")


@pytest.fixture
def stored(swept, sandbox):
    """Its intent is stored; the processor would not confirm it just now."""
    sandbox.fault("rate_limit_429", path="/confirm$")
    stories.collect_cards()
    assert Charge.objects.get().external_charge_id
    return swept


def test_a_stored_intent_of_a_canceled_order_is_canceled_at_the_processor(stored, sandbox):
    stories.cancel(stored, NOW)

    assert sandbox.summary()["payment_intents"] == {"canceled": 1}
    assert (statuses(stored), Charge.objects.get().status) == (["canceled"], "canceled")


def test_a_stored_intent_of_a_paused_order_is_canceled_instead_of_confirmed(stored, sandbox):
    stories.pause(stored, NOW)
    collect_later(minutes=6)

    assert sandbox.summary()["payment_intents"] == {"canceled": 1}
    assert (statuses(stored), Charge.objects.get().status) == (["pending"], "canceled")


def test_what_a_card_pays_while_the_order_is_canceled_stays_paid(swept, sandbox):
    sandbox.fault("hang_after", path="/confirm$", hang_seconds=0.5)

    def cancel_meanwhile():
        for _ in range(2000):
            if Charge.objects.filter(external_charge_id__isnull=False).exists():
                return stories.cancel(swept, NOW)
        raise AssertionError("no intent came")

    race(stories.collect_cards, cancel_meanwhile)

    swept.refresh_from_db()
    assert swept.status == "canceled"
    is_paid = statuses(swept) == ["paid"]
    assert (paid_intents(), swept.amount_paid) == (([3000], 5000) if is_paid else ([], 0))


def test_a_payment_of_unknown_outcome_is_looked_at_before_its_order_is_canceled(swept, sandbox):
    sandbox.fault("error_500_after", path="/confirm$")
    stories.collect_cards()

    stories.cancel(swept, NOW)

    swept.refresh_from_db()
    assert (statuses(swept), swept.status, swept.amount_paid) == (["paid"], "canceled", 5000)
    assert event_types(swept)[-1] == "installment_order.canceled"


def test_a_cancel_that_the_processor_did_not_do_is_no_success(waiting, sandbox, now):
    sandbox.fault("error_500_before", path="/cancel$")

    with pytest.raises(ProcessorUnavailable):
        stories.cancel(waiting, now)

    waiting.refresh_from_db()
    assert waiting.status == "canceled"


def test_a_cardholder_is_asked_no_more_once_the_cancel_is_wanted(waiting, sandbox, now):
    sandbox.fault("error_500_before", path="/cancel$")
    with pytest.raises(ProcessorUnavailable):
        stories.cancel(waiting, now)

    assert stories.charges_of(waiting).get().next_action is None


def test_a_sweep_cancels_what_the_processor_did_not(waiting, sandbox, now):
    sandbox.fault("error_500_before", path="/cancel$")
    with pytest.raises(ProcessorUnavailable):
        stories.cancel(waiting, now)

    collect_later(minutes=1)

    assert sandbox.summary()["payment_intents"] == {"canceled": 1}
    assert (statuses(waiting), Charge.objects.get().status) == (["canceled"], "canceled")


def test_asking_again_is_success_once_the_processor_did_it(waiting, sandbox, now):
    sandbox.fault("error_500_before", path="/cancel$")
    with pytest.raises(ProcessorUnavailable):
        stories.cancel(waiting, now)

    stories.cancel(waiting, now)

    assert statuses(waiting) == ["canceled"]


def test_the_answer_to_such_a_cancel_is_503_and_then_200(waiting, sandbox, api):
    sandbox.fault("error_500_before", path="/cancel$")
    path = f"/installments/orders/{waiting.id}/cancel"

    first, second = api.post(path), api.post(path)

    assert (first.status_code, first.json()["code"]) == (503, "unavailable")
    assert (second.status_code, second.json()["status"]) == (200, "canceled")


def test_a_cardholder_who_was_asked_before_a_pause_may_go_on(waiting, sandbox, now):
    stories.pause(waiting, now)
    charge = stories.charges_of(waiting).get()
    client().v1.payment_intents.update(charge.external_charge_id, params={"payment_method": VISA})

    collect_later(minutes=6)

    assert stories.charges_of(waiting).get().status == "requires_action"


def test_workers_and_cancels_at_once_leave_each_part_paid_or_canceled(agree, wallet, sandbox):
    orders = [agree("ada", ONE, payment_method=VISA) for _ in range(8)]
    stories.sweep(NOW)

    def cancel_all():
        for order in orders:
            services.cancel_order(order_id=order.id, by=BY, now=NOW)

    race(stories.collect_cards, cancel_all, stories.collect_cards)
    collect_later(hours=1)

    ends = [(statuses(order), stories.charges_of(order).get().status) for order in orders]
    assert {(tuple(part), charge) for part, charge in ends} <= {
        (("paid",), "succeeded"),
        (("canceled",), "canceled"),
    }
    assert len(paid_intents()) == sum(charge == "succeeded" for _, charge in ends)
