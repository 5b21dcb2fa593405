"""Nudges ask a worker to look now; they never pile up."""

from __future__ import annotations

import pytest

from foundation import broker
from partners import leases

TASK = "tests.nudged"


@pytest.fixture
def sent(committed, monkeypatch):
    """The tasks that workers were asked to run."""
    tasks = []
    monkeypatch.setattr(broker.current_app, "send_task", lambda task, **_: tasks.append(task))
    return tasks


def test_while_one_waits_for_a_worker_no_other_is_sent(sent):
    for _ in range(100):
        broker.send(TASK)

    assert sent == [TASK]


def test_tasks_do_not_wait_for_each_other(sent):
    broker.send(TASK)
    broker.send("tests.other")

    assert sent == [TASK, "tests.other"]


def test_once_a_worker_looks_the_next_is_sent(sent):
    broker.send(TASK)
    leases.single_flight(TASK)(lambda: broker.send(TASK))()

    assert sent == [TASK, TASK]


def test_one_that_was_lost_is_forgotten(sent):
    broker.send(TASK)

    life = broker.client().ttl(f"nudged:{TASK}")

    assert 0 < life <= broker.NUDGE_LIFE


def test_without_a_broker_none_is_sent_and_nothing_is_raised(dead_broker, sent):
    broker.send(TASK)

    assert sent == []
