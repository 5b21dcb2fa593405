"""Fixtures of all suites: committed data on the real database, partners, a client, the clock."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import override_settings, setup_databases, teardown_databases
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from charges import backoff
from devstack.processes import Process
from devstack.stripe_sandbox.client import SandboxControl
from foundation import broker
from foundation.actors import Actor
from partners import access
from partners import services as partner_services
from partners.models import Partner
from payments_project import invariants
from payments_project.beat import DeclaredScheduler
from payments_project.celery import app

TABLES = (
    "partners", "webhooks", "wallets", "charges", "installments", "staff",
    "auth_user", "axes", "otp_totp", "django_admin_log", "django_session",
)  # fmt: skip
BY = Actor("test:suite", "req-test")


@pytest.fixture(scope="session")
def database(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_keepdb: bool,
    django_db_blocker: Any,
) -> Iterator[Any]:
    """The migrated test database of this process; with `--reuse-db` the last one's."""
    with django_db_blocker.unblock():
        created = setup_databases(verbosity=0, interactive=False, keepdb=django_db_keepdb)
        yield django_db_blocker
        teardown_databases(created, verbosity=0, keepdb=django_db_keepdb)


@pytest.fixture
def committed(database: Any) -> Iterator[None]:
    """A database whose transactions really commit, empty at the start; the proof at the end."""
    with database.unblock():
        _empty()
        yield
        broken = {f.invariant: f.rows for f in invariants.prove() if f.rows}
        connection.close()
    assert not broken


def _empty() -> None:
    broker.client().flushdb()
    broker.circuit.open_until = 0.0
    access._remembered.clear()
    with connection.cursor() as cursor:
        tables = [
            name for name in connection.introspection.table_names() if name.startswith(TABLES)
        ]
        deletes = "; ".join(f"DELETE FROM {name}" for name in tables)
        # As a replica, triggers and foreign keys sleep; a TRUNCATE takes ten times as long.
        cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {deletes}; COMMIT")


@pytest.fixture(autouse=True)
def steady_ladders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ladders have no jitter but in charges/tests/test_backoff.py."""
    monkeypatch.setattr(backoff, "JITTER", 0)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def partner(committed: None) -> Partner:
    return partner_services.create_partner(name="Acme", now=timezone.now())


class Api:
    """The API as a partner calls it: JSON in and out, a fresh idempotency key unless given."""

    def __init__(self, key: str) -> None:
        self.client = Client(raise_request_exception=False)
        self.key = key

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(path, query, **self._headers())

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        headers = {"idempotency-key": key or uuid4().hex, **headers}
        return self.client.post(
            path, body or {}, content_type="application/json", **self._headers(headers)
        )

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(path, body, content_type="application/json", **self._headers())

    def delete(self, path: str) -> Any:
        return self.client.delete(path, **self._headers())

    def _headers(self, more: dict[str, str] | None = None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self.key}", **(more or {})}
        return {"headers": headers, "secure": True}


@pytest.fixture
def make_api() -> Callable[[Partner], Api]:
    def make(partner: Partner, **options: Any) -> Api:
        _, key = partner_services.create_api_key(partner=partner, now=timezone.now(), **options)
        return Api(key)

    return make


@pytest.fixture
def api(partner: Partner, make_api: Callable[[Partner], Api]) -> Api:
    return make_api(partner)


@pytest.fixture
def dead_broker(committed: None) -> Iterator[None]:
    """A broker that refuses connections. The address is back before its client is forgotten: a
    nudge of the test may ask for one at any time.
    """
    with override_settings(CACHE_URL="redis://127.0.0.1:1/0"):
        broker.client.cache_clear()
        yield
    broker.client.cache_clear()
    broker.circuit.open_until = 0.0


@pytest.fixture
def sandbox() -> Iterator[SandboxControl]:
    """The Stripe sandbox of this process, without faults before and after."""
    control = SandboxControl(os.environ["STRIPE_API_BASE"])
    control.reset()
    yield control
    control.clear_faults()


@pytest.fixture
def impatient_beat(committed: None) -> Iterator[None]:
    """Beat's rows as it writes them, then set to a second, as staff may."""
    assert DeclaredScheduler(app=app).schedule
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    PeriodicTask.objects.update(interval=every)
    yield
    PeriodicTask.objects.all().delete()


def server_environment() -> dict[str, str]:
    """For processes that work on this test's database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return os.environ | {"DATABASE_URL": url._replace(path=f"/{name}").geturl()}


@pytest.fixture
def start_celery(committed: None, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """`start_celery("beat", …)`: a real `celery beat …` on this test's database and broker."""
    # Tests beside this one wait for seconds; this one has minutes.
    command = ["nice", "-n", "19", sys.executable, "-m", "celery", "-A", "payments_project"]
    running: list[Process] = []

    def start(*arguments: str) -> Process:
        number = len(running)
        process = Process(
            f"{arguments[0]}-{number}",
            [*command, *arguments],
            server_environment(),
            settings.BASE_DIR,
            tmp_path / f"{number}.log",
        )
        process.start()
        running.append(process)
        return process

    yield start
    for process in running:
        process.stop()


@pytest.fixture
def plain_static_files(settings: Any) -> None:
    """Without a manifest, which only collectstatic writes."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
