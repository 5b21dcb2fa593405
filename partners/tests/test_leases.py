"""One run of a task at a time, whoever is killed and whatever clocks say."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from foundation import broker
from partners import leases
from partners.models import TaskLease

TASK = "tests.task"


@pytest.fixture
def sent(committed, monkeypatch):
    """The tasks that workers were asked to run."""
    tasks = []
    monkeypatch.setattr(broker.current_app, "send_task", lambda task, **_: tasks.append(task))
    return tasks


@pytest.fixture
def elsewhere(committed):
    """Another worker's run is under way until the block ends."""
    began, may_end = threading.Event(), threading.Event()

    def run():
        @leases.single_flight(TASK)
        def hold():
            began.set()
            may_end.wait(30)

        hold()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert began.wait(10)
    yield lambda: (may_end.set(), thread.join())
    may_end.set()
    thread.join()


def run_here():
    """What a run that begins here does: "ran", or nothing."""
    return leases.single_flight(TASK)(lambda: "ran")()


def test_a_run_is_alone(elsewhere):
    assert run_here() is None


def test_after_its_end_another_may_run(elsewhere):
    elsewhere()

    assert run_here() == "ran"
    assert not TaskLease.objects.exists()


def test_another_task_may_run_beside_it(elsewhere):
    assert leases.single_flight("tests.other")(lambda: "ran")() == "ran"


def test_whoever_came_meanwhile_gets_another_run(elsewhere, sent):
    run_here()
    assert sent == []

    elsewhere()

    assert sent == [TASK]


def test_nobody_came_nobody_is_sent(elsewhere, sent):
    elsewhere()

    assert sent == []


def test_a_run_that_raises_gives_its_lease_back(committed):
    with pytest.raises(ZeroDivisionError):
        leases.single_flight(TASK)(lambda: 1 / 0)()

    assert run_here() == "ran"


def left_behind(expires_in):
    """The lease of a worker that was killed."""
    now = timezone.now()
    TaskLease.objects.create(
        name=TASK,
        holder="00000000-0000-0000-0000-000000000001",
        started_at=now,
        expires_at=now + expires_in,
    )


@pytest.mark.parametrize("expires_in", [timedelta(0), timedelta(hours=-6), timedelta(hours=6)])
def test_a_lease_that_lapsed_or_that_no_holder_can_have_is_free(committed, expires_in):
    left_behind(expires_in)

    assert run_here() == "ran"


def test_a_lease_that_can_be_alive_is_heeded(committed):
    left_behind(timedelta(seconds=leases.TTL - 5))

    assert run_here() is None


def test_a_long_run_keeps_its_lease(committed, monkeypatch):
    monkeypatch.setattr(leases, "TTL", 0.6)
    monkeypatch.setattr(leases, "RENEW_AFTER", 0.1)

    with leases.held(TASK) as lease:
        time.sleep(1.5)
        assert lease
        assert run_here() is None


def test_a_run_that_hangs_does_not_keep_others_out_for_ever(committed, monkeypatch):
    monkeypatch.setattr(leases, "TTL", 0.3)
    monkeypatch.setattr(leases, "RENEW_AFTER", 0.1)
    monkeypatch.setattr(leases, "LONGEST", 0.2)

    with leases.held(TASK):
        time.sleep(1)
        assert run_here() == "ran"


def test_one_run_in_each_process_is_a_lease_of_its_own(elsewhere):
    own = leases.single_flight(TASK, each_process=True)(
        lambda: list(TaskLease.objects.values_list("name", flat=True))
    )

    names = own()

    assert len(names) == 2
    assert TASK in names


def test_what_dead_processes_left_behind_goes(committed):
    left_behind(timedelta(days=-2))

    leases.single_flight("tests.other")(lambda: None)()

    assert not TaskLease.objects.exists()
