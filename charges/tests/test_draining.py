"""Looking for work costs no database session; working it off costs as many as there is work."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db.backends.signals import connection_created
from structlog.testing import capture_logs

from charges import services
from charges.draining import MAX_BROKEN, PARALLEL, drain
from charges.models import Charge, ProcessorEvent
from charges.services import stripe_events
from charges.tests.steps import notice, receive
from conftest import BY

RUNS = {
    "charges": services.collect_due,
    "refunds": services.complete_due_refunds,
    "events": services.process_events,
}


@contextmanager
def sessions():
    """The database sessions that are opened in the block."""
    opened = []

    def count(**_):
        opened.append(threading.current_thread().name)

    connection_created.connect(count)
    try:
        yield opened
    finally:
        connection_created.disconnect(count)


@pytest.fixture
def stored(committed, now):
    """`stored(count)`: so many callbacks about strangers are due."""
    Charge.objects.exists()  # this thread has its session

    def store(count):
        for number in range(count):
            receive(*notice("payment_intent.succeeded", f"pi_{number}"), now)

    return store


@pytest.mark.parametrize("name", RUNS)
def test_a_run_without_work_opens_no_session(committed, name):
    Charge.objects.exists()
    with sessions() as opened:
        assert RUNS[name](by=BY) == 0

    assert opened == []


def test_a_single_row_is_worked_off_by_the_callers_own_session(stored):
    stored(1)
    with sessions() as opened:
        assert services.process_events(by=BY) == 1

    assert opened == []


def test_a_second_row_gets_a_second_session(stored):
    stored(2)
    with sessions() as opened:
        assert services.process_events(by=BY) == 2

    assert len(opened) == 1


def test_many_rows_are_worked_off_by_a_bounded_number_of_sessions(stored):
    stored(3 * PARALLEL)
    with sessions() as opened:
        assert services.process_events(by=BY) == 3 * PARALLEL

    assert len(opened) <= PARALLEL - 1


def test_rows_are_worked_off_at_the_same_time(stored):
    stored(PARALLEL)
    together = threading.Barrier(PARALLEL, timeout=10)
    rows = iter(range(PARALLEL))

    def meet(_row, _now):
        together.wait()

    assert drain(ProcessorEvent.objects.due, lambda _now: next(rows, None), meet) == PARALLEL


def test_what_is_not_due_yet_is_left_alone(stored, now):
    stored(1)
    ProcessorEvent.objects.update(next_attempt_at=now + timedelta(hours=1))

    assert services.process_events(by=BY) == 0


def test_a_run_that_cannot_claim_ends(stored):
    stored(1)
    calls = []

    def broken(now):
        calls.append(now)
        raise ZeroDivisionError

    assert drain(ProcessorEvent.objects.due, broken, print) == 0
    assert len(calls) == MAX_BROKEN


def test_rows_that_break_keep_no_others_waiting(stored):
    stored(1)
    rows = iter(range(-5 * MAX_BROKEN, 3))
    worked = []

    def work(row, _now):
        if row < 0:
            raise ZeroDivisionError
        worked.append(row)

    assert drain(ProcessorEvent.objects.due, lambda _now: next(rows, None), work) == 3
    assert worked == [0, 1, 2]


def test_a_row_that_fails_is_named_and_the_run_says_what_it_did(stored, monkeypatch):
    stored(2)
    bad = ProcessorEvent.objects.first().id
    process = stripe_events.sync_intent

    def broken(*, intent_id, **more):
        if intent_id == ProcessorEvent.objects.get(id=bad).object_id:
            raise ZeroDivisionError
        return process(intent_id=intent_id, **more)

    monkeypatch.setattr(stripe_events, "sync_intent", broken)
    with capture_logs() as lines:
        services.process_events(by=BY)

    (failed,) = [line for line in lines if line["event"] == "queue.item_failed"]
    (run,) = [line for line in lines if line["event"] == "queue.run_finished"]
    assert (failed["table"], failed["id"]) == ("charges_processorevent", bad)
    assert (run["table"], run["done"], run["failed"]) == ("charges_processorevent", 1, 1)
    assert run["duration_ms"] >= 0


def test_a_run_that_found_nothing_says_nothing(committed):
    with capture_logs() as lines:
        services.process_events(by=BY)

    assert lines == []
