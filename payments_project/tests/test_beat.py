"""Beat's schedule is declared in settings and survives what staff edit in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings as project
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from payments_project.beat import DeclaredScheduler
from payments_project.celery import app

SWEEP = "installments.sweep"


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

    return start


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
    assert PeriodicTask.objects.get(name=SWEEP).expire_seconds == 60


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
