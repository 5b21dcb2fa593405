"""The process dies at each named place; the next one goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
from datetime import timedelta

import pytest
from django.db import connection

from charges import backoff, gateway, services
from charges.killpoints import REGISTRY, killpoint
from charges.models import Charge
from charges.tests.steps import (
    CARD,
    DECLINED,
    NOT_PAID,
    collect,
    create,
    end_of,
    new_charge,
    paid,
    terminal_events,
)
from conftest import BY
from wallets.models import Wallet

BEFORE = "charge.before_claim_commits"
DEADLINE = 20
fork = multiprocessing.get_context("fork")
points = pytest.mark.parametrize("name", sorted(REGISTRY))
committed_points = pytest.mark.parametrize("name", sorted(REGISTRY - {BEFORE}))
outcomes = pytest.mark.parametrize(
    ("card", "end"), [(CARD, paid(7000)), (DECLINED, NOT_PAID)], ids=["paid", "declined"]
)


def exit_code(act, killed_at=""):
    """How a process of its own ended that did `act`; minus the signal when it was killed."""
    connection.close()
    gateway.client.cache_clear()

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


def test_a_charge_that_kills_every_worker_is_left_to_staff(partner, poor_ada, sandbox, now):
    kill("charge.after_claim", lambda: create(partner, now, key="k"))
    made = Charge.objects.get()

    for hours in range(1, backoff.MAX_ATTEMPTS + 1):
        kill("charge.after_claim", lambda: collect(made.id, now + timedelta(hours=hours)))  # noqa: B023

    made.refresh_from_db()
    assert made.needs_review
    assert made.next_attempt_at is None


def test_without_a_kill_point_the_process_lives(partner, poor_ada, sandbox, now):
    assert exit_code(lambda: create(partner, now)) == 0
    assert end_of(Charge.objects.get().id) == paid(7000)


def test_a_kill_point_that_is_not_in_the_registry_is_refused():
    with pytest.raises(KeyError):
        killpoint("charge.nowhere")
