"""A run finds what becomes due while it is under way, ends in time, and lets nobody wait."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connection

from webhooks import services
from webhooks.models import Delivery
from webhooks.services import draining, sending
from webhooks.tests.conftest import Answer


def take(seconds):
    def answer(handler):
        handler.server.is_over.wait(seconds)

    return Answer(200, body=answer)


@contextmanager
def under_way():
    """A run in the background; ended when the block ends."""

    def run():
        try:
            services.deliver_due()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(30)
    assert not thread.is_alive()


def wait_for(condition, seconds=6.0):
    """Seconds until it held."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds
        time.sleep(0.005)
    return time.monotonic() - began


@pytest.fixture
def slow(receive, subscribe):
    """An endpoint that accepts after eight seconds."""
    receiver = receive(take(8))
    subscribe(receiver, ["wallet.debited"])
    return receiver


def test_what_becomes_due_beside_a_slow_one_is_sent_at_once(slow, receive, subscribe, publish):
    fine = receive()
    subscribe(fine, ["wallet.credited"])
    publish("wallet.debited")

    with under_way() as run:
        wait_for(lambda: slow.got)
        publish("wallet.credited")
        wait_for(lambda: fine.got)
        still_runs = run.is_alive()
        slow.is_over.set()

    assert still_runs


def test_an_endpoint_made_while_a_run_is_under_way_is_served_by_it(
    slow, receive, subscribe, publish
):
    publish("wallet.debited")

    with under_way() as run:
        wait_for(lambda: slow.got)
        fresh = receive()
        subscribe(fresh, ["wallet.credited"])
        publish("wallet.credited")
        wait_for(lambda: fresh.got)
        still_runs = run.is_alive()
        slow.is_over.set()

    assert still_runs


def test_an_endpoint_that_is_slow_but_healthy_does_not_keep_a_run(
    receive, subscribe, publish, monkeypatch
):
    monkeypatch.setattr(sending, "RUN", 0.5)
    monkeypatch.setattr(draining, "TURN", 0.5)
    slow = receive(take(1.5))
    subscribe(slow)
    for _ in range(5):
        publish("wallet.debited")

    services.deliver_due()

    assert len(slow.got) == 1
    assert Delivery.objects.filter(status="pending", attempt_count=0).count() == 4


def test_at_the_end_of_a_run_those_that_answer_quickly_are_served_still(
    slow, receive, subscribe, publish, monkeypatch
):
    monkeypatch.setattr(sending, "RUN", 0.2)
    fine = receive()
    subscribe(fine, ["wallet.credited"])
    publish("wallet.debited")

    with under_way() as run:
        wait_for(lambda: slow.got)
        time.sleep(0.4)  # RUN is over
        publish("wallet.credited")
        wait_for(lambda: fine.got)
        still_runs = run.is_alive()
        slow.is_over.set()

    assert still_runs


def test_many_slow_endpoints_delay_no_other(receive, subscribe, publish, other_partner):
    sleepers = [receive(take(8)) for _ in range(20)]
    for sleeper in sleepers:
        subscribe(sleeper, ["wallet.debited"])
    fine = receive()
    subscribe(fine, owner=other_partner)
    for _ in range(3):
        publish("wallet.debited")

    with under_way():
        wait_for(lambda: all(sleeper.got for sleeper in sleepers))
        publish(owner=other_partner)
        took = wait_for(lambda: fine.got)
        for sleeper in sleepers:
            sleeper.is_over.set()

    assert took < 6


def test_only_so_many_endpoints_are_served_at_once(receive, subscribe, publish, monkeypatch):
    monkeypatch.setattr(sending, "ENDPOINTS", 2)
    receivers = [receive(take(0.3)) for _ in range(6)]
    for receiver in receivers:
        subscribe(receiver)
    publish()

    with under_way():
        wait_for(lambda: sum(len(receiver.got) for receiver in receivers) == 2)
        time.sleep(0.1)
        at_first = sum(len(receiver.got) for receiver in receivers)

    assert at_first == 2
    assert [len(receiver.got) for receiver in receivers] == [1] * 6


def test_an_endpoint_gets_more_than_one_at_a_time_when_it_keeps_accepting(
    receive, subscribe, publish, monkeypatch
):
    monkeypatch.setattr(draining, "PER_PLACE", 2)
    receiver = receive()
    subscribe(receiver)
    for _ in range(40):
        publish()

    services.deliver_due()

    assert (len(receiver.got), 1 < len(receiver.clients) <= draining.IN_FLIGHT) == (40, True)


def test_what_one_claimed_and_cannot_send_soon_is_due_for_others(
    receive, subscribe, publish, monkeypatch
):
    monkeypatch.setattr(draining, "HOLD", 0.3)
    monkeypatch.setattr(draining, "TURN", 0.3)
    monkeypatch.setattr(sending, "RUN", 0.3)
    subscribe(receive(Answer(), take(0.5), Answer()))
    for _ in range(3):
        publish()

    services.deliver_due()

    left = Delivery.objects.get(status="pending")
    assert (left.is_leased, left.attempt_count) == (False, 0)
