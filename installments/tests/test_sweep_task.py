from __future__ import annotations

import time

import pytest
import structlog
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from structlog.testing import capture_logs

from installments import services
from installments.as_of import AsOf
from installments.models import Sweep
from installments.services import isolating
from installments.tasks import sweep
from installments.tests import stories
from installments.tests.stories import VISA, at, daily, parts, statuses
from payments_project.celery import app

ONE = parts((5000, "03-01"))


@pytest.fixture
def worker(committed):
    with start_worker(app, pool="threads", concurrency=2, perform_ping_check=False):
        yield


def sweep_until(condition, seconds=60):
    """Asks a worker again each second, as beat does each minute: a sweep passes over what another
    one, like the first of a worker that starts, has locked.
    """
    for _ in range(seconds):
        sweep.delay()
        asked = time.monotonic()
        while time.monotonic() < asked + 1:
            if condition():
                return
            time.sleep(0.02)
    raise AssertionError("it did not come true")


def test_a_delayed_sweep_pays_a_due_part(agree, wallet, worker):
    wallet("ada", 5000)
    order = agree("ada", ONE)

    sweep_until(lambda: statuses(order) == ["paid"])


def test_a_delayed_sweep_nudges_the_cards(agree, sandbox, worker):
    order = agree("ada", ONE, payment_method=VISA)

    sweep_until(lambda: statuses(order) == ["paid"])


def test_a_task_records_its_sweep(agree, wallet):
    wallet("ada", 5000)
    agree("ada", ONE)
    before = timezone.now()

    assert sweep() == 1

    row = Sweep.objects.get(name="installments")
    assert (row.collected, row.started_at >= before) == (1, True)


def test_a_task_run_twice_collects_once(agree, wallet):
    wallet("ada", 20_000)
    agree("ada", ONE)

    assert (sweep(), sweep()) == (1, 0)


def test_beats_database_scheduler_has_every_sweep_of_the_settings(committed):
    schedule = DatabaseScheduler(app=app).schedule

    for name, seconds in settings.SWEEPS.items():
        row = PeriodicTask.objects.get(name=name)
        assert (row.task, row.enabled) == (name, True)
        assert (row.interval.every, row.interval.period) == (seconds, "seconds")
        assert name in schedule


def test_every_sweep_of_the_settings_is_a_task():
    app.loader.import_default_modules()

    assert set(settings.SWEEPS) <= set(app.tasks)


def test_each_chunk_of_a_sweep_is_recorded_as_progress(agree, wallet, monkeypatch):
    wallet("ada", 5000)
    agree("ada", daily(12))
    monkeypatch.setattr(isolating, "CHUNK", 5)
    seen = []

    stories.sweep(at("12-01"), progress=lambda _: seen.append(Sweep.objects.first()))

    times = [row and row.progressed_at for row in seen]
    assert times[0] is None
    assert times[1] < times[2]
    assert Sweep.objects.get().finished_at is None


def test_a_look_from_another_moment_is_no_progress(agree, wallet):
    wallet("ada", 5000)
    agree("ada", daily(12))

    services.sweep(as_of=AsOf(at("12-01")), by=stories.BY, now=at("12-02"))

    assert not Sweep.objects.exists()


def test_a_sweep_says_in_one_line_what_it_did(agree, wallet):
    wallet("ada", 5000)
    agree("ada", ONE)
    with capture_logs() as lines:
        sweep()

    (line,) = [line for line in lines if line["event"] == "installments.sweep_finished"]
    assert line["paid"] == 1
    assert "failed" not in line
    assert line["duration_ms"] >= 0


def test_lines_of_a_task_say_whose_they_are(agree, wallet, worker):
    wallet("ada", 5000)
    agree("ada", ONE)
    bound = []

    def keep(_logger, _name, line):
        bound.append(structlog.contextvars.get_contextvars() | line)
        return line

    kept = structlog.get_config()["processors"]
    kept.insert(0, keep)
    try:
        sweep_until(lambda: Sweep.objects.filter(collected=1).exists())
    finally:
        kept.remove(keep)

    (line,) = [line for line in bound if line["event"] == "installments.sweep_finished"]
    assert (line["task"], bool(line["task_id"])) == ("installments.sweep", True)
