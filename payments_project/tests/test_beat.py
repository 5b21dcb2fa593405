"""Beat's schedule is declared in settings and survives what staff edit in the admin."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as project
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from payments_project.beat import DeclaredScheduler
from payments_project.celery import app

SWEEP = "installments.sweep"


@pytest.fixture(autouse=True, scope="module")
def every_task():
    """As in a worker: the modules of tasks are loaded."""
    app.loader.import_default_modules()


@pytest.fixture
def schedule(committed):
    PeriodicTask.objects.all().delete()
    CrontabSchedule.objects.all().delete()

    def start(seconds=None):
        """Beat starts; with another interval declared for the sweep when one is given."""
        declared = dict(project.CELERY_BEAT_SCHEDULE)
        if seconds:
            declared[SWEEP] = declared[SWEEP] | {"schedule": timedelta(seconds=seconds)}
        kept, app.conf.beat_schedule = app.conf.beat_schedule, declared
        try:
            return DeclaredScheduler(app=app).schedule
        finally:
            app.conf.beat_schedule = kept

    yield start
    PeriodicTask.objects.all().delete()


def edit(**fields):
    PeriodicTask.objects.filter(name=SWEEP).update(**fields)


def every(seconds):
    found, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
    return found


def shown():
    row = PeriodicTask.objects.get(name=SWEEP)
    return row.interval.every, row.enabled


def test_an_empty_database_gets_every_declared_task(schedule):
    assert set(project.SWEEPS) <= set(schedule())
    assert shown() == (60, True)


def test_a_second_start_changes_nothing(schedule):
    schedule()
    before = list(PeriodicTask.objects.order_by("id").values("id", "name", "interval", "enabled"))

    schedule()

    after = list(PeriodicTask.objects.order_by("id").values("id", "name", "interval", "enabled"))
    assert after == before


def test_an_interval_that_staff_set_survives_a_start(schedule):
    schedule()
    edit(interval=every(15))

    schedule()

    assert shown() == (15, True)


def test_a_task_that_staff_switched_off_stays_off(schedule):
    schedule()
    edit(enabled=False)

    assert SWEEP not in schedule()
    assert shown() == (60, False)


def test_a_new_release_changes_what_nobody_has_touched(schedule):
    schedule()

    schedule(seconds=30)

    assert shown() == (30, True)


def test_a_new_release_leaves_what_staff_have_set(schedule):
    schedule()
    edit(interval=every(15))

    schedule(seconds=30)

    assert shown() == (15, True)


def test_a_task_that_staff_added_stays(schedule):
    schedule()
    PeriodicTask.objects.create(name="theirs", task=SWEEP, interval=every(5))

    assert "theirs" in schedule()


def test_the_schedule_is_of_intervals_in_utc_alone(schedule):
    schedule()

    rows = PeriodicTask.objects.all()
    assert not rows.filter(interval=None).exists()
    assert not CrontabSchedule.objects.exists()
    assert app.conf.timezone == "UTC"


# Clocks -----------------------------------------------------------------------------------------


@pytest.fixture
def start_beat():
    """A beat of this process; it writes nothing after the test."""
    started = []

    def start():
        started.append(DeclaredScheduler(app=app))
        return started[-1]

    yield start
    for scheduler in started:
        scheduler._finalize.cancel()


@pytest.fixture
def sent(monkeypatch):
    """The tasks that beat sent."""
    tasks = []
    monkeypatch.setattr(
        DeclaredScheduler, "apply_async", lambda _, entry, **__: tasks.append(entry.task)
    )
    return tasks


@pytest.fixture
def tick(schedule, start_beat, sent):
    """A beat whose tasks have all run just now ticks until nothing is due."""
    schedule()
    PeriodicTask.objects.update(last_run_at=timezone.now())
    scheduler = start_beat()

    def tick():
        for _ in range(4 * len(project.SWEEPS)):
            scheduler.tick()

    return tick


@pytest.mark.parametrize("name", project.SWEEPS)
def test_two_minutes_between_the_clocks_of_beat_and_worker_drop_no_task(schedule, name):
    schedule()

    assert PeriodicTask.objects.get(name=name).expire_seconds >= 2 * 60


def test_what_staff_have_set_expires_as_declared_too(schedule):
    schedule()
    edit(interval=every(15), expire_seconds=2)

    schedule()

    assert PeriodicTask.objects.get(name=SWEEP).expire_seconds == project.SWEEP_EXPIRES


def test_a_last_run_in_the_future_counts_as_never(schedule, start_beat, sent):
    schedule()
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(hours=6))

    scheduler = start_beat()
    for _ in project.SWEEPS:
        scheduler.tick()

    assert set(sent) >= set(project.SWEEPS)


def test_a_run_of_a_beat_whose_clock_is_a_little_ahead_counts(schedule, start_beat, sent):
    schedule()
    PeriodicTask.objects.update(last_run_at=timezone.now() + timedelta(seconds=0.5))

    start_beat().tick()

    assert sent == []


@pytest.mark.parametrize("hours", [-6, 6])
def test_a_clock_that_jumps_while_beat_runs_stops_no_task(tick, sent, hours):
    tick()
    assert sent == []

    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        tick()
    first = set(sent)
    sent.clear()
    with time_machine.travel(timezone.now() + timedelta(hours=hours, minutes=2)):
        tick()

    fast = {name for name, seconds in project.SWEEPS.items() if seconds <= 60}
    assert first >= fast
    assert set(sent) >= fast


# Lanes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*project.SWEEPS])
def test_no_task_takes_an_argument(name):
    """So that none can be about a row that is gone, or as it was when the task was sent."""
    assert not inspect.signature(app.tasks[name].run).parameters


def test_every_task_has_a_lane():
    ours = {name for name in app.tasks if not name.startswith("celery.")}

    assert ours == set(project.SWEEPS)
    assert {app.amqp.router.route({}, name)["queue"].name for name in ours} == set(project.LANES)


def test_a_worker_that_is_told_no_queue_serves_all_lanes():
    assert set(app.amqp.queues) == set(project.LANES)


# PostgreSQL ---------------------------------------------------------------------------------------


@pytest.fixture
def away(monkeypatch):
    """PostgreSQL refuses every connection, until `away.undo()`."""
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "PORT", "1")
        connection.close()
        yield patched


def test_while_postgresql_is_away_beat_keeps_the_schedule_that_it_read(tick, sent, now, away):
    with time_machine.travel(now + timedelta(hours=1)):  # the schedule is read every five minutes
        tick()

    declared = project.CELERY_BEAT_SCHEDULE
    hourly = {name for name in declared if declared[name]["schedule"] < timedelta(hours=1)}
    assert hourly
    assert hourly <= set(sent)


def test_a_schedule_that_was_not_read_is_read_when_postgresql_is_back(tick, sent, now, away):
    with time_machine.travel(now + timedelta(hours=1)):
        tick()
        away.undo()
        edit(enabled=False)
        tick()
    sent.clear()

    with time_machine.travel(now + timedelta(hours=2)):
        tick()

    assert sent
    assert SWEEP not in sent
