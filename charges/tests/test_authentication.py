"""3-D Secure: the cardholder is asked, passes, fails, or never comes; and cancellation."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine

from charges import services
from charges.gateway.client import client
from charges.models import Charge
from charges.settlement.charges import ACTION_LIFETIME
from charges.tests.steps import (
    CARD,
    authenticate,
    charge,
    charged,
    collect,
    create,
    end_of,
    events_of,
    hear,
    paid,
    paid_intents,
)
from conftest import BY
from partners import services as partners
from wallets.tests.steps import race, wallet_of

SECURE = "pm_card_authenticationRequired"
CANCELED: tuple[str, list[str], list[int], int] = ("canceled", ["charge.canceled"], [], 0)
EXPIRED: tuple[str, list[str], list[int], int] = ("failed", ["charge.failed"], [], 0)


@pytest.fixture
def waiting(api, poor_ada, sandbox):
    return charged(api, "100.00", payment_method=SECURE)


def cancel(api, charge_id):
    return api.post(f"/charges/{charge_id}/cancel")


def intent_of(charge_id):
    return client().v1.payment_intents.retrieve(Charge.objects.get(id=charge_id).external_charge_id)


def test_a_card_that_wants_its_holder_requires_action(waiting):
    assert waiting["status"] == "requires_action"
    assert waiting["next_action"]["client_secret"].startswith(waiting["external_charge_id"])
    assert waiting["failure"] is None


def test_the_action_expires_after_24_hours(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method=SECURE)

    assert made.action_expires_at == now + timedelta(hours=24)


def test_the_hold_stays_while_it_waits(api, waiting):
    assert wallet_of(api, "ada")["held"] == "30.00"
    assert paid_intents() == []


def test_the_event_carries_the_client_secret(api, waiting):
    assert events_of(waiting["id"]) == ["charge.requires_action"]


def test_the_client_secret_works_until_the_end_and_is_shown_no_longer(api, waiting, sandbox, now):
    authenticate(waiting["id"], sandbox)
    hear("payment_intent.succeeded", waiting["external_charge_id"], now)

    assert api.get(f"/charges/{waiting['id']}").json()["next_action"] is None
    assert Charge.objects.get().client_secret == ""


def test_a_callback_settles_what_the_cardholder_completed(waiting, sandbox, now):
    authenticate(waiting["id"], sandbox)

    hear("payment_intent.succeeded", waiting["external_charge_id"], now)

    assert end_of(waiting["id"]) == paid(7000)


def test_a_sweep_settles_it_when_the_callback_is_lost(waiting, sandbox, now):
    authenticate(waiting["id"], sandbox)
    Charge.objects.update(next_attempt_at=now)

    services.collect_due(by=BY)

    assert end_of(waiting["id"]) == paid(7000)


def test_it_is_asked_about_ever_more_rarely_until_it_expires(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method=SECURE)
    looks = []
    while made.status == "requires_action" and len(looks) < 20:
        looks.append(made.next_attempt_at - now)
        made = collect(made.id, made.next_attempt_at)

    assert looks == [timedelta(minutes=5 * 2**n) for n in range(9)] + [ACTION_LIFETIME]
    assert end_of(made.id) == EXPIRED


def test_an_expired_action_fails_releases_and_cannot_succeed_any_more(api, waiting, now):
    collect(waiting["id"], now + timedelta(hours=25))

    shown = api.get(f"/charges/{waiting['id']}").json()
    assert (shown["status"], shown["failure"]["code"]) == ("failed", "authentication_expired")
    assert shown["failure"]["category"] == "authentication"
    assert wallet_of(api, "ada")["balance"] == "30.00"
    assert intent_of(waiting["id"]).status == "canceled"


def test_who_completes_it_in_the_last_moment_has_paid(waiting, sandbox, now):
    authenticate(waiting["id"], sandbox)

    collect(waiting["id"], now + timedelta(hours=25))

    assert end_of(waiting["id"]) == paid(7000)


def test_a_cardholder_who_fails_may_try_again(waiting, sandbox, now):
    authenticate(waiting["id"], sandbox, "fail")
    hear("payment_intent.payment_failed", waiting["external_charge_id"], now)
    assert Charge.objects.get().status == "requires_action"

    authenticate(waiting["id"], sandbox)
    hear("payment_intent.succeeded", waiting["external_charge_id"], now)

    assert end_of(waiting["id"]) == paid(7000)


def test_a_sweep_never_confirms_what_waits_for_its_holder(waiting, now):
    intent_id = waiting["external_charge_id"]
    client().v1.payment_intents.update(intent_id, params={"payment_method": CARD})

    collect(waiting["id"], now + timedelta(hours=1))

    assert Charge.objects.get().status == "requires_action"
    assert paid_intents() == []


@pytest.mark.parametrize("action", ["drop_before", "error_500_before", "rate_limit_429", "garbage"])
def test_asking_in_vain_leaves_it_waiting(waiting, sandbox, now, action):
    sandbox.fault(action, method="GET", path="payment_intents/pi_")

    made = collect(waiting["id"], now + timedelta(hours=1))

    assert (made.status, made.next_attempt_at is not None) == ("requires_action", True)


def test_an_action_whose_confirm_answer_was_lost_is_found_by_asking(
    partner, poor_ada, sandbox, now
):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now, payment_method=SECURE)

    again = collect(made.id, now + timedelta(hours=1))

    assert (made.status, again.status) == ("unknown", "requires_action")
    assert again.client_secret


def test_a_card_that_was_set_up_is_not_asked_again(api, poor_ada, sandbox, now):
    setup = api.post("/payment-methods/setup", {"customer_id": "ada"}).json()
    once = "pm_card_authenticationRequiredOnSetup"
    client().v1.setup_intents.confirm(setup["setup_intent"], params={"payment_method": once})
    sandbox.authenticate(setup["setup_intent"])
    hear("setup_intent.succeeded", setup["setup_intent"], now)

    assert charged(api, "100.00")["status"] == "succeeded"


# Cancellation ----------------------------------------------------------------------------------


def test_a_canceled_charge_releases_its_hold_and_its_intent_is_dead(api, waiting):
    answer = cancel(api, waiting["id"])

    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert end_of(waiting["id"]) == CANCELED
    assert intent_of(waiting["id"]).status == "canceled"
    assert events_of(waiting["id"]) == ["charge.requires_action", "charge.canceled"]


def test_canceling_again_is_success_and_one_event(api, waiting):
    cancel(api, waiting["id"])

    assert cancel(api, waiting["id"]).status_code == 200
    assert end_of(waiting["id"]) == CANCELED


def test_a_pending_charge_is_canceled_without_the_processor(api, poor_ada, no_processor):
    body = {"customer_id": "ada", "amount": "100.00", "payment_method": CARD}
    made = api.post("/charges", body, prefer="respond-async").json()

    assert cancel(api, made["id"]).json()["status"] == "canceled"
    assert services.collect_due(by=BY) == 0
    assert events_of(made["id"]) == ["charge.canceled"]


@pytest.mark.parametrize("funds", ["succeeded", "failed"])
def test_an_ended_charge_cannot_be_canceled(api, ada, funds):
    made = charged(api, "100.00" if funds == "succeeded" else "100.01")

    answer = cancel(api, made["id"])

    assert (answer.status_code, answer.json()["code"]) == (409, "invalid_transition")


def test_a_charge_without_an_outcome_cannot_be_canceled(api, poor_ada, sandbox):
    sandbox.fault("drop_after", path="/confirm")
    made = charge(api, payment_method=CARD).json()

    assert cancel(api, made["id"]).status_code == 409
    assert wallet_of(api, "ada")["held"] == "30.00"


def test_a_charge_that_the_processor_never_got_is_canceled_at_once(api, poor_ada, sandbox):
    sandbox.fault("drop_before", path="/payment_intents$")
    made = charge(api, payment_method=CARD).json()

    assert cancel(api, made["id"]).json()["status"] == "canceled"
    assert end_of(made["id"]) == CANCELED


def test_an_intent_whose_creation_was_lost_is_never_paid_once_its_charge_is_canceled(
    api, poor_ada, sandbox, now
):
    sandbox.fault("drop_after", path="/payment_intents$")
    made = charge(api, payment_method=CARD).json()
    cancel(api, made["id"])

    collect(made["id"], now + timedelta(days=1))

    assert sandbox.summary()["payment_intents"] == {"requires_confirmation": 1}


@pytest.fixture
def uncanceled(api, waiting, sandbox):
    """A charge that waits for its cardholder; Stripe answered 500 to its cancellation."""
    sandbox.fault("error_500_before", path="/cancel")
    answer = cancel(api, waiting["id"])
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    return waiting


def test_a_cancellation_that_the_processor_did_not_do_is_done_by_a_sweep(uncanceled, now):
    with time_machine.travel(now + timedelta(minutes=1)):
        services.collect_due(by=BY)

    assert end_of(uncanceled["id"]) == CANCELED


def test_the_client_secret_is_given_out_no_more_once_a_cancellation_is_wanted(api, uncanceled):
    assert api.get(f"/charges/{uncanceled['id']}").json()["next_action"] is None


def test_whoever_pays_before_the_cancellation_is_done_has_paid(uncanceled, sandbox, now):
    authenticate(uncanceled["id"], sandbox)

    with time_machine.travel(now + timedelta(minutes=1)):
        services.collect_due(by=BY)

    assert end_of(uncanceled["id"]) == paid(7000)


def test_a_charge_that_the_cardholder_has_just_paid_is_paid_not_canceled(api, waiting, sandbox):
    authenticate(waiting["id"], sandbox)

    assert cancel(api, waiting["id"]).status_code == 409
    assert end_of(waiting["id"]) == paid(7000)


@pytest.mark.parametrize("action", ["drop_before", "drop_after", "garbage", "rate_limit_429"])
def test_a_cancellation_whose_answer_was_lost_may_be_repeated(api, waiting, sandbox, action):
    sandbox.fault(action, path="/cancel")

    first, second = cancel(api, waiting["id"]), cancel(api, waiting["id"])

    assert (first.status_code, second.status_code) == (503, 200)
    assert end_of(waiting["id"]) == CANCELED


def test_a_cancellation_that_ended_in_a_500_is_asked_about_at_once(api, waiting, sandbox):
    sandbox.fault("error_500_after", path="/cancel")

    assert cancel(api, waiting["id"]).status_code == 200
    assert end_of(waiting["id"]) == CANCELED


def test_four_cancellations_and_a_success_at_once_have_one_outcome(api, waiting, sandbox, now):
    authenticate(waiting["id"], sandbox)
    doors = [lambda: cancel(api, waiting["id"]).status_code] * 4
    doors += [lambda: services.sync_intent(
        intent_id=waiting["external_charge_id"], by=BY, now=now
    )[0].status]  # fmt: skip

    race(*doors)

    assert end_of(waiting["id"]) == paid(7000)


def test_an_intent_canceled_elsewhere_cancels_the_charge(waiting, now):
    client().v1.payment_intents.cancel(waiting["external_charge_id"])

    hear("payment_intent.canceled", waiting["external_charge_id"], now)

    assert end_of(waiting["id"]) == CANCELED


def test_another_partners_charge_cannot_be_canceled(api, waiting, make_api, now):
    other = make_api(partners.create_partner(name="Other", now=now))

    assert cancel(other, waiting["id"]).status_code == 404
    assert cancel(api, uuid4()).status_code == 404
    assert Charge.objects.get().status == "requires_action"
