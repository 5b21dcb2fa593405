from __future__ import annotations

import socket
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from installments import services, tasks
from installments.models import Sweep
from installments.services import Swept
from partners import broker


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


def test_without_a_sweep_it_is_not_ready(committed):
    status, body = ready()

    assert (status, body["status"]) == (503, "unavailable")
    assert "no sweep" in body["checks"]["sweep"]


def test_after_a_stale_sweep_it_is_not_ready(committed, now):
    ended = now - timedelta(minutes=5, seconds=1)
    services.record_sweep(swept=Swept(), started_at=ended, finished_at=ended)

    status, body = ready()

    assert status == 503
    assert "30" in body["checks"]["sweep"]


def test_a_later_sweep_replaces_the_earlier(swept, now):
    later = now + timedelta(minutes=1)
    services.record_sweep(swept=Swept(), started_at=later, finished_at=later)

    assert [s.finished_at for s in Sweep.objects.filter(name="installments")] == [later]


def test_without_a_broker_it_is_not_ready(swept, settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.CACHE_URL = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    broker.client.cache_clear()
    started = time.monotonic()

    status, body = ready()

    broker.client.cache_clear()
    broker.circuit.open_until = 0.0
    assert (status, body["checks"]["database"]) == (503, "ok")
    assert body["checks"]["broker"] != "ok"
    assert time.monotonic() - started < 2


def test_with_a_migration_missing_it_is_not_ready(swept):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions' RETURNING *")
        rows = cursor.fetchall()
        try:
            status, body = ready()
        finally:
            cursor.executemany("INSERT INTO django_migrations VALUES (%s, %s, %s, %s)", rows)

    assert status == 503
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


def test_not_ready_is_still_alive(committed):
    assert ready()[0] == 503

    assert Client().get("/health").status_code == 200
