from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from structlog.testing import capture_logs

from installments import services, tasks
from installments.models import Sweep
from installments.services import Swept


def ready():
    answer = Client().get("/health/ready")
    return answer.status_code, answer.json()


@pytest.fixture
def swept(committed, now):
    services.record_sweep(swept=Swept(), started_at=now, finished_at=now)


def test_health_answers_over_plain_http_without_a_key():
    answer = Client().get("/health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_everything_up_is_ready(swept):
    status, body = ready()

    assert (status, body["status"]) == (200, "ok")
    assert body["checks"] == dict.fromkeys(["database", "broker", "migrations", "sweep"], "ok")


def test_the_sweep_of_the_beat_makes_ready(committed):
    tasks.sweep()

    assert ready()[0] == 200


def test_without_a_sweep_it_is_degraded(committed):
    status, body = ready()

    assert (status, body["status"]) == (200, "degraded")
    assert "no sweep" in body["checks"]["sweep"]


def test_after_a_stale_sweep_it_is_degraded(committed, now):
    ended = now - timedelta(minutes=5, seconds=1)
    services.record_sweep(swept=Swept(), started_at=ended, finished_at=ended)

    status, body = ready()

    assert (status, body["status"]) == (200, "degraded")
    assert "30" in body["checks"]["sweep"]


def test_a_later_sweep_replaces_the_earlier(swept, now):
    later = now + timedelta(minutes=1)
    services.record_sweep(swept=Swept(), started_at=later, finished_at=later)

    assert [s.finished_at for s in Sweep.objects.filter(name="installments")] == [later]


def test_without_a_broker_it_is_degraded(swept, dead_broker):
    started = time.monotonic()

    status, body = ready()

    assert (status, body["status"], body["checks"]["database"]) == (200, "degraded", "ok")
    assert body["checks"]["broker"] != "ok"
    assert time.monotonic() - started < 2


@pytest.fixture
def unmigrated(swept):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions' RETURNING *")
        rows = cursor.fetchall()
        yield
        cursor.executemany("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", rows)


def test_with_a_migration_missing_it_is_not_ready(unmigrated):
    status, body = ready()

    assert (status, body["status"]) == (503, "unavailable")
    assert body["checks"]["migrations"] == "1 migrations are not applied"


def test_without_a_database_it_is_not_ready(swept):
    connection.close()
    connection.settings_dict["PORT"], port = "1", connection.settings_dict["PORT"]
    try:
        status, body = ready()
    finally:
        connection.settings_dict["PORT"] = port
        connection.close()

    assert status == 503
    assert body["checks"]["database"] == "the database does not answer"


def test_not_ready_is_still_alive(unmigrated):
    assert ready()[0] == 503

    assert Client().get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
@pytest.mark.parametrize("host", ["10.0.0.7", "10.0.0.7:8000", "[fd00::7]", "web-7.internal"])
def test_a_probe_by_address_is_answered(path, host, swept, settings):
    settings.ALLOWED_HOSTS = ["api.example.com"]

    assert Client().get(path, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health/", "/health/readyx", "/wallets", "/admin/login/"])
def test_nothing_else_is_answered_by_address(path, committed, settings):
    settings.ALLOWED_HOSTS = ["api.example.com"]

    assert Client().get(path, headers={"host": "10.0.0.7"}, secure=True).status_code == 400


def test_being_ready_asks_little(swept, django_assert_max_num_queries):
    ready()

    with django_assert_max_num_queries(4):
        ready()


def test_what_is_degraded_is_logged_for_an_alarm(committed):
    with capture_logs() as lines:
        ready()

    (line,) = [line for line in lines if line["event"] == "health.degraded"]
    assert (line["log_level"], "no sweep" in line["sweep"]) == ("warning", True)


def test_a_catch_up_of_hours_is_fresh(committed, now):
    services.record_progress(started_at=now - timedelta(hours=3))

    assert ready()[1]["checks"]["sweep"] == "ok"


def test_a_catch_up_that_got_stuck_is_told(committed, now):
    services.record_progress(started_at=now - timedelta(hours=3))
    Sweep.objects.update(progressed_at=now - timedelta(minutes=6))

    assert "36" in ready()[1]["checks"]["sweep"]
