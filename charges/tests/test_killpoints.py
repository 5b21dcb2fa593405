"""The process dies at each named place; the next one goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection

from charges import backoff, services
from charges.gateway.client import client
from charges.killpoints import REGISTRY, killpoint
from charges.models import Charge, ProcessorEvent, Refund
from charges.services import stripe_events
from charges.tests.steps import (
    CARD,
    DECLINED,
    NOT_PAID,
    authenticate,
    collect,
    complete,
    create,
    end_of,
    events_of,
    give_back,
    hear,
    new_charge,
    notice,
    paid,
    receive,
    refund_at_the_processor,
    returned_by_card,
    terminal_events,
)
from conftest import BY
from wallets.models import Wallet

BEFORE = "charge.before_claim_commits"
DEADLINE = 20
fork = multiprocessing.get_context("fork")
CHARGE = {name for name in REGISTRY if name.startswith("charge.")}
points = pytest.mark.parametrize("name", sorted(CHARGE))
committed_points = pytest.mark.parametrize("name", sorted(CHARGE - {BEFORE}))
outcomes = pytest.mark.parametrize(
    ("card", "end"), [(CARD, paid(7000)), (DECLINED, NOT_PAID)], ids=["paid", "declined"]
)


def exit_code(act, killed_at=""):
    """How a process of its own ended that did `act`; minus the signal when it was killed."""
    connection.close()
    client.cache_clear()

    def run():
        os.environ["KILLPOINT"] = killed_at
        act()

    process = fork.Process(target=run)
    process.start()
    process.join(DEADLINE)
    code = process.exitcode
    process.kill()
    return code


def kill(name, act):
    """`act` was under way in a process of its own, which died at the kill point."""
    assert exit_code(act, killed_at=name) == -signal.SIGKILL, f"{name} was never reached"


@points
@outcomes
def test_the_clients_retry_ends_what_a_killed_request_began(
    partner, poor_ada, sandbox, now, name, card, end
):
    kill(name, lambda: create(partner, now, key="k", payment_method=card))

    again = create(partner, now + timedelta(minutes=5), key="k", payment_method=card)

    assert end_of(again.id) == end
    assert Charge.objects.count() == 1


@committed_points
@outcomes
def test_a_sweep_ends_what_a_killed_request_began(partner, poor_ada, sandbox, now, name, card, end):
    begun = now - timedelta(minutes=5)
    kill(name, lambda: create(partner, begun, payment_method=card))

    services.collect_due(by=BY)

    assert end_of(Charge.objects.get().id) == end


@points
def test_a_sweep_ends_what_a_killed_worker_began(partner, poor_ada, sandbox, now, name):
    begun = now - timedelta(minutes=5)
    new = new_charge()

    def order():
        services.create(partner_id=partner.id, new=new, is_async=True, by=BY, now=begun)

    if name == BEFORE:
        kill(name, order)
        order()
    else:
        order()
        made = Charge.objects.get()
        kill(name, lambda: collect(made.id, begun))

    services.collect_due(by=BY)

    assert end_of(Charge.objects.get().id) == paid(7000)


@pytest.mark.parametrize("name", [BEFORE, "charge.after_claim"])
def test_a_killed_wallet_charge_is_charged_once(partner, ada, now, name):
    kill(name, lambda: create(partner, now, key="k", payment_method=""))

    again = create(partner, now, key="k", payment_method="")

    assert (again.status, terminal_events(again.id)) == ("succeeded", ["charge.succeeded"])
    assert Wallet.objects.get().balance == 0


def test_killed_before_the_claim_commits_nothing_exists(partner, ada, now):
    kill(BEFORE, lambda: create(partner, now))

    assert not Charge.objects.exists()
    assert Wallet.objects.get().held == 0


def test_within_its_lease_a_killed_charge_is_left_to_whoever_claimed_it(
    partner, poor_ada, sandbox, now
):
    kill("charge.after_claim", lambda: create(partner, now, key="k"))

    again = create(partner, now + timedelta(seconds=89), key="k")

    assert (again.status, again.attempts) == ("processing", 1)


def test_within_its_lease_a_resumed_charge_is_left_to_whoever_resumed_it(
    partner, poor_ada, sandbox, now
):
    kill("charge.after_claim", lambda: create(partner, now, key="k"))
    later = now + timedelta(hours=1)
    kill("charge.after_claim", lambda: collect(Charge.objects.get().id, later))

    again = create(partner, later + timedelta(seconds=89), key="k")

    assert (again.status, again.attempts) == ("processing", 2)


def test_a_charge_that_kills_every_worker_is_left_to_staff(partner, poor_ada, sandbox, now):
    kill("charge.after_claim", lambda: create(partner, now, key="k"))
    made = Charge.objects.get()

    for hours in range(1, backoff.MAX_CUT_OFF):
        kill("charge.after_claim", lambda: collect(made.id, now + timedelta(hours=hours)))  # noqa: B023
    collect(made.id, now + timedelta(days=1))

    made.refresh_from_db()
    assert made.needs_review
    assert made.next_attempt_at is None


def test_without_a_kill_point_the_process_lives(partner, poor_ada, sandbox, now):
    assert exit_code(lambda: create(partner, now)) == 0
    assert end_of(Charge.objects.get().id) == paid(7000)


# Refunds, cancellations, callbacks ---------------------------------------------------------------

REFUND_POINTS = sorted(name for name in REGISTRY if name.startswith("refund."))
refund_points = pytest.mark.parametrize("name", REFUND_POINTS)


@pytest.fixture
def collected(partner, poor_ada, sandbox, now):
    """30.00 from the wallet and 70.00 from the card."""
    return create(partner, now - timedelta(minutes=10))


def back_of(charge_id):
    """(refund states, what the card got, the wallet's balance, events) of a charge."""
    states = list(Refund.objects.values_list("status", flat=True))
    balance = Wallet.objects.get().balance
    return states, returned_by_card(charge_id), balance, events_of(charge_id)


def given_back(amount, wallet):
    return ["succeeded"], [amount], wallet, ["charge.succeeded", "charge.refunded"]


@refund_points
def test_the_clients_retry_ends_a_refund_that_a_killed_request_began(collected, now, name):
    kill(name, lambda: give_back(collected.id, now, key="k"))

    give_back(collected.id, now + timedelta(minutes=5), key="k")

    assert back_of(collected.id) == given_back(7000, 3000)


@pytest.mark.parametrize("name", [n for n in REFUND_POINTS if n != "refund.before_claim_commits"])
def test_a_sweep_ends_a_refund_that_a_killed_request_began(collected, now, name):
    kill(name, lambda: give_back(collected.id, now - timedelta(minutes=5), 1000))

    services.complete_due_refunds(by=BY)

    assert back_of(collected.id) == given_back(1000, 0)


def test_killed_before_its_claim_commits_a_refund_does_not_exist(collected, now):
    kill("refund.before_claim_commits", lambda: give_back(collected.id, now))

    assert not Refund.objects.exists()
    assert Charge.objects.get().amount_refunded == 0


@pytest.mark.parametrize("name", ["refund.before_settle_commits", "refund.after_settle"])
def test_a_refund_that_fails_in_a_killed_process_fails_once(collected, now, name):
    intent = Charge.objects.get().external_charge_id
    client().v1.refunds.create(params={"payment_intent": intent, "amount": 5000})

    kill(name, lambda: give_back(collected.id, now - timedelta(minutes=5), 3000))
    services.complete_due_refunds(by=BY)

    failed = Refund.objects.get()
    assert (failed.status, events_of(failed.id)) == ("failed", ["refund.failed"])
    assert Charge.objects.get().amount_refunded == 0


def test_a_refund_of_the_processors_that_was_cut_off_is_ended_by_the_sweep(collected, now):
    refund_id = refund_at_the_processor(collected.id, 1000)
    hear_of_it = partial(services.sync_refund, external_id=refund_id, by=BY, now=now)
    kill("adoption.after_reserved", hear_of_it)

    ended = complete(Refund.objects.get().id, now)

    assert (ended.status, ended.origin) == ("succeeded", "processor")
    assert events_of(collected.id)[-1] == "charge.refunded"


def test_a_refund_that_kills_every_worker_is_left_to_staff(collected, now):
    kill("refund.after_claim", lambda: give_back(collected.id, now - timedelta(hours=1), key="k"))
    made = Refund.objects.get()
    for minutes in range(1, backoff.MAX_CUT_OFF):
        at = now + timedelta(minutes=5 * minutes)
        kill("refund.after_call", lambda: complete(made.id, at))  # noqa: B023

    ended = complete(made.id, now + timedelta(days=1))

    assert (ended.status, ended.next_attempt_at) == ("pending", None)
    assert ended.needs_review


@pytest.fixture
def waiting(partner, poor_ada, sandbox, now):
    """A charge whose cardholder must authenticate; 30.00 are held."""
    return create(partner, now, payment_method="pm_card_authenticationRequired")


@pytest.mark.parametrize(
    "name", ["cancel.after_call", "charge.before_settle_commits", "charge.after_settle"]
)
def test_a_killed_cancellation_is_ended_by_the_clients_retry(waiting, now, name):
    kill(name, lambda: services.cancel(charge_id=waiting.id, by=BY, now=now))

    services.cancel(charge_id=waiting.id, by=BY, now=now)

    assert end_of(waiting.id) == ("canceled", ["charge.canceled"], [], 0)


def test_a_killed_cancellation_is_ended_by_a_sweep(waiting, now):
    kill("cancel.after_call", lambda: services.cancel(charge_id=waiting.id, by=BY, now=now))
    Charge.objects.update(next_attempt_at=now)

    services.collect_due(by=BY)

    assert end_of(waiting.id) == ("canceled", ["charge.canceled"], [], 0)


def process_next(at):
    stripe_events.process(stripe_events.claim_next(at), at, by=BY)


@pytest.mark.parametrize(
    "name",
    [
        "event.after_stored", "event.after_claim", "event.before_processed",
        "charge.before_settle_commits", "charge.after_settle",
    ],
)  # fmt: skip
def test_a_callback_whose_worker_was_killed_is_worked_off_later(waiting, sandbox, now, name):
    authenticate(waiting.id, sandbox)
    payload, signed = notice("payment_intent.succeeded", waiting.external_charge_id, id_="evt_1")

    def work():
        receive(payload, signed, now - timedelta(minutes=5))
        process_next(now - timedelta(minutes=5))

    kill(name, work)
    receive(payload, signed, now)
    services.process_events(by=BY)

    assert end_of(waiting.id) == paid(7000)
    assert ProcessorEvent.objects.get().processed_at


def test_a_callback_that_kills_every_worker_is_put_aside_and_others_go_on(waiting, sandbox, now):
    poison = notice("payment_intent.succeeded", "pi_poison")
    receive(*poison, now - timedelta(hours=1))
    for minutes in range(50, 0, -10):
        at = now - timedelta(minutes=minutes)
        kill("event.after_claim", lambda: process_next(at))  # noqa: B023
    authenticate(waiting.id, sandbox)

    hear("payment_intent.succeeded", waiting.external_charge_id, now)

    aside = ProcessorEvent.objects.get(object_id="pi_poison")
    assert (aside.processed_at, aside.next_attempt_at) == (None, None)
    assert "Set aside" in aside.outcome
    assert end_of(waiting.id) == paid(7000)


def test_every_kill_point_is_used_by_a_test():
    here = Path(__file__).read_text()

    assert {name for name in REGISTRY if name.partition(".")[0] not in ("charge", "refund")} == {
        name
        for name in REGISTRY
        if f'"{name}"' in here and not name.startswith(("charge", "refund"))
    }


def test_a_kill_point_that_is_not_in_the_registry_is_refused():
    with pytest.raises(KeyError):
        killpoint("charge.nowhere")
