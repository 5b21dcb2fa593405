"""Stripe's callbacks: whoever sends what in whatever order, the end is the same as without."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connection, transaction
from django.test import Client

from charges import services
from charges.models import Charge, ProcessorEvent
from charges.services import stripe_events
from charges.tests.steps import (
    CARD,
    DECLINED,
    SECRET,
    authenticate,
    charged,
    collect,
    create,
    end_of,
    hear,
    hear_of_disputes,
    notice,
    paid,
    paid_intents,
    receive,
    terminal_events,
)
from conftest import BY
from devstack.stripe_sandbox import client as sandboxes
from wallets.tests.steps import race

SECURE = "pm_card_authenticationRequired"


def post(payload, signed):
    return Client(raise_request_exception=False).post(
        "/stripe/webhook",
        payload,
        content_type="application/json",
        headers={"stripe-signature": signed},
        secure=True,
    )


@pytest.fixture
def waiting(api, poor_ada, sandbox):
    """A charge that the cardholder has just completed at Stripe; we do not know yet."""
    made = charged(api, "100.00", payment_method=SECURE)
    authenticate(made["id"], sandbox)
    return made


def succeeded(made, **fields):
    return notice("payment_intent.succeeded", made["external_charge_id"], **fields)


def work():
    services.process_events(by=BY)


def outcome():
    return ProcessorEvent.objects.get().outcome


def test_a_signed_callback_is_taken_and_settles(waiting):
    answer = post(*succeeded(waiting))
    work()

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert end_of(waiting["id"]) == paid(7000)


def test_a_callback_needs_no_key(waiting):
    assert post(*succeeded(waiting)).status_code == 200


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "whsec_of_somebody_else"},
        {"at": int(time.time()) - 301},
    ],
    ids=["forged", "old"],
)
def test_a_forged_or_old_callback_changes_nothing(waiting, forged):
    answer = post(*succeeded(waiting, **forged))
    work()

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_signature")
    assert answer["Content-Type"] == "application/problem+json"
    assert not ProcessorEvent.objects.exists()
    assert Charge.objects.get().status == "requires_action"


@pytest.mark.parametrize("signed", ["", "t=1,v1=", "garbage", "t=x,v1=00", "v1=" + "0" * 64])
def test_a_callback_without_a_signature_is_refused(waiting, signed):
    payload, _ = succeeded(waiting)

    assert post(payload, signed).status_code == 400


def test_a_changed_byte_is_refused(waiting):
    payload, signed = succeeded(waiting)

    assert post(payload.replace("evt_", "evt-"), signed).status_code == 400


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"object": "event"}', "\x00", "null"])
def test_what_is_signed_but_no_event_is_refused(committed, payload):
    from devstack.stripe_sandbox.delivery import signature

    assert post(payload, signature(payload, SECRET, int(time.time()))).status_code == 400
    assert not ProcessorEvent.objects.exists()


def test_while_a_secret_is_rolled_both_are_taken(waiting, settings):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", SECRET]

    assert post(*succeeded(waiting)).status_code == 200
    assert post(*succeeded(waiting, secret="whsec_new")).status_code == 200


def test_a_callback_of_megabytes_is_413(committed):
    answer = post("x" * 3_000_000, "t=1,v1=00")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_get_is_not_allowed(committed):
    assert Client().get("/stripe/webhook", secure=True).status_code == 405


def test_a_repeated_callback_is_stored_and_worked_off_once(waiting):
    signed = succeeded(waiting)
    first, *others = [post(*signed).status_code for _ in range(3)]
    work()
    post(*signed)

    assert {first, *others} == {200}
    assert ProcessorEvent.objects.get().attempts == 1
    assert services.process_events(by=BY) == 0
    assert end_of(waiting["id"]) == paid(7000)


def test_the_same_callback_eight_times_at_once_is_stored_once(waiting, now):
    signed = succeeded(waiting)

    stored = race(*[lambda: receive(*signed, now)] * 8)

    assert sorted(stored) == [False] * 7 + [True]


def test_four_workers_at_once_settle_once(waiting, now):
    for _ in range(8):
        receive(*succeeded(waiting), now)

    race(*[work] * 4)

    assert end_of(waiting["id"]) == paid(7000)
    assert not ProcessorEvent.objects.filter(processed_at=None).exists()


def test_an_event_that_somebody_works_on_is_stepped_over(waiting, now):
    receive(*succeeded(waiting), now)

    with transaction.atomic():
        ProcessorEvent.objects.select_for_update().get(processed_at=None)
        found = race(lambda: stripe_events.claim_next(now))

    assert found == [None]


def test_callbacks_out_of_order_end_the_same(waiting, now):
    for type_ in ("succeeded", "requires_action", "payment_failed", "created", "canceled"):
        hear(f"payment_intent.{type_}", waiting["external_charge_id"], now)

    assert end_of(waiting["id"]) == paid(7000)


def test_what_a_callback_claims_is_not_believed(api, poor_ada, sandbox, now):
    made = charged(api, "100.00", payment_method=SECURE)
    claim = {"id": made["external_charge_id"], "status": "succeeded", "amount": 7000}

    hear("payment_intent.succeeded", "", now, data={"object": claim})

    assert Charge.objects.get().status == "requires_action"


@pytest.mark.parametrize(
    ("type_", "object_id"),
    [
        ("payment_intent.succeeded", "pi_of_somebody"),
        ("charge.dispute.created", "du_of_somebody"),
        ("refund.failed", "re_of_somebody"),
        ("charge.refund.updated", "re_of_somebody"),
        ("payment_method.detached", "pm_of_somebody"),
        ("setup_intent.succeeded", "seti_of_somebody"),
        ("payment_intent.succeeded", ""),
        ("payment_intent.succeeded", "../../customers"),
    ],
)
def test_a_callback_about_a_stranger_is_harmless(waiting, sandbox, now, type_, object_id):
    hear(type_, object_id, now)

    event = ProcessorEvent.objects.get()
    assert event.processed_at
    assert event.outcome
    assert Charge.objects.get().status == "requires_action"


@pytest.mark.parametrize(
    "type_", ["invoice.paid", "charge.succeeded", "payment_intent.created", "ping"]
)
def test_what_needs_nothing_done_is_stored_as_done(committed, now, type_):
    hear(type_, "x_1", now)

    assert (ProcessorEvent.objects.get().attempts, outcome()) == (0, "Nothing to do.")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"account": "acct_other"}, "It is about another account."),
        ({"livemode": True}, "It is of the other mode, test or live."),
    ],
)
def test_a_callback_of_another_account_or_mode_is_harmless(waiting, now, fields, reason):
    hear("payment_intent.succeeded", waiting["external_charge_id"], now, **fields)

    assert outcome() == reason
    assert Charge.objects.get().status == "requires_action"


def test_an_intent_that_a_lost_answer_left_behind_is_no_charges(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/v1/payment_intents$")
    made = create(partner, now)
    collect(made.id, now + timedelta(hours=1))
    stray = next(intent.id for intent in _intents() if intent.status == "requires_confirmation")

    hear("payment_intent.canceled", stray, now)

    assert end_of(made.id) == paid(7000)
    assert outcome() == "No charge here has this intent."


def _intents():
    from charges.gateway.client import client

    return client().v1.payment_intents.list(params={"limit": 100}).data


def test_a_callback_before_our_own_settling_settles_and_ours_changes_nothing(
    partner, poor_ada, sandbox, now, monkeypatch
):
    from charges.gateway import intents

    confirm = intents.confirm

    def overtaken(charge):
        intent = confirm(charge)
        hear("payment_intent.succeeded", intent.id, now)
        return intent

    monkeypatch.setattr(intents, "confirm", overtaken)
    made = create(partner, now)

    assert made.status == "succeeded"
    assert end_of(made.id) == paid(7000)


def test_a_callback_before_the_confirm_answer_does_not_confirm(
    partner, poor_ada, sandbox, now, monkeypatch
):
    from charges.gateway import intents

    confirm = intents.confirm

    def overtaken(charge):
        hear("payment_intent.processing", charge.external_charge_id, now)
        assert paid_intents() == []
        return confirm(charge)

    monkeypatch.setattr(intents, "confirm", overtaken)

    assert end_of(create(partner, now).id) == paid(7000)


def test_a_callback_ends_what_a_lost_answer_left_unknown(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)

    hear("payment_intent.succeeded", Charge.objects.get().external_charge_id, now)

    assert end_of(made.id) == paid(7000)


@pytest.mark.parametrize(
    ("card", "type_"), [(CARD, "succeeded"), (DECLINED, "payment_failed"), (DECLINED, "canceled")]
)
def test_what_puts_an_ended_charge_in_no_doubt_asks_nobody(
    partner, poor_ada, sandbox, now, card, type_
):
    made = create(partner, now, payment_method=card)
    sandbox.fault("error_500_before", method="GET", times=99)

    hear(f"payment_intent.{type_}", made.external_charge_id, now)

    assert ProcessorEvent.objects.get().processed_at


def test_an_amount_that_differs_is_left_to_staff(partner, poor_ada, sandbox, now):
    sandbox.fault("wrong_amount", path="/confirm")
    made = create(partner, now)
    Charge.objects.update(needs_review="", next_attempt_at=now)

    hear("payment_intent.succeeded", Charge.objects.get().external_charge_id, now)

    made.refresh_from_db()
    assert (made.status, made.next_attempt_at) == ("unknown", None)
    assert "70.01 USD" in made.needs_review


def test_a_success_of_what_failed_here_is_flagged_for_staff(api, waiting, sandbox, now):
    services.sync_intent(intent_id=waiting["external_charge_id"], by=BY, now=now)
    with_failure = Charge.objects.filter(id=waiting["id"])
    assert terminal_events(waiting["id"]) == ["charge.succeeded"]
    kept = with_failure.values("status", "succeeded_at").get()
    with_failure.update(status="failed", succeeded_at=None, failed_at=now)

    hear("payment_intent.succeeded", waiting["external_charge_id"], now)

    made = Charge.objects.get()
    with_failure.update(failed_at=None, **kept)
    assert (made.status, "says that" in made.needs_review) == ("failed", True)


@pytest.mark.parametrize("action", ["error_500_before", "rate_limit_429", "drop_before"])
def test_while_stripe_is_away_the_callback_waits_and_is_no_poison(waiting, sandbox, now, action):
    sandbox.fault(action, method="GET", path="payment_intents/", times=99)
    receive(*succeeded(waiting), now)
    for _ in range(9):
        ProcessorEvent.objects.update(next_attempt_at=now)
        work()
    assert Charge.objects.get().status == "requires_action"

    sandbox.clear_faults()
    ProcessorEvent.objects.update(next_attempt_at=now)
    work()

    assert end_of(waiting["id"]) == paid(7000)


def test_a_callback_without_a_broker_is_taken_in_bounded_time(waiting, dead_broker, now):
    began = time.monotonic()

    assert post(*succeeded(waiting)).status_code == 200

    assert time.monotonic() - began < 5
    work()
    assert end_of(waiting["id"]) == paid(7000)


def test_a_dispute_that_is_told_before_our_charge_succeeded_settles_it_first(partner, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now, payment_method="pm_card_createDispute")
    assert made.status == "unknown"

    hear_of_disputes(made.id, now)

    made.refresh_from_db()
    assert (made.status, made.dispute_status) == ("succeeded", "needs_response")


# The sandbox's own callbacks, over HTTP --------------------------------------------------------


class _Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        """Nothing: pytest shows what fails."""


class _Closing(WSGIServer):
    def finish_request(self, request, client_address):
        super().finish_request(request, client_address)
        connection.close()


@contextmanager
def served():
    """The application on a free port of loopback, in a thread."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), _Closing, _Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def calling_back(committed, settings):
    """A Stripe sandbox that calls us back, signed, at a server of ours."""
    from charges.gateway.client import client

    settings.SECURE_SSL_REDIRECT = False
    with (
        served() as url,
        sandboxes.start(webhook_url=f"{url}/stripe/webhook", webhook_secret=SECRET) as sandbox,
    ):
        settings.STRIPE_API_BASE = sandbox.url
        client.cache_clear()
        yield sandbox
    client.cache_clear()


def wait_for(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def event_of(type_):
    return ProcessorEvent.objects.filter(type=type_).first()


def test_the_sdk_accepts_the_callbacks_of_the_sandbox(api, poor_ada, calling_back):
    made = charged(api, "100.00", payment_method=SECURE)
    authenticate(made["id"], calling_back)

    wait_for(lambda: event_of("payment_intent.succeeded"))
    work()

    assert end_of(made["id"]) == paid(7000)


def test_a_callback_that_the_sandbox_repeats_changes_nothing(api, poor_ada, calling_back):
    made = charged(api, "100.00", payment_method=CARD)
    wait_for(lambda: event_of("payment_intent.succeeded"))
    work()
    before = ProcessorEvent.objects.values().get(type="payment_intent.succeeded")

    calling_back.resend(before["id"])
    calling_back.resend(event_of("charge.succeeded").id)
    time.sleep(0.5)
    work()

    assert ProcessorEvent.objects.values().get(id=before["id"]) == before
    assert end_of(made["id"]) == paid(7000)
