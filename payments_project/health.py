"""`/health` is alive; `/health/ready` can do its work: database, broker, migrations, sweeps."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from installments.models import Sweep
from partners import broker


def alive(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when every check is `ok`, otherwise 503; each check says what it found."""
    checks = {name: _run(check) for name, check in CHECKS.items()}
    is_ready = all(found == "ok" for found in checks.values())
    status = "ok" if is_ready else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if is_ready else 503)


def _run(check: Callable[[], str]) -> str:
    try:
        return check()
    except DatabaseError:
        return "the database does not answer"


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _broker() -> str:
    return "ok" if broker.ask(lambda pipeline: pipeline.ping()) else "the broker does not answer"


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} migrations are not applied" if missing else "ok"


def _sweep() -> str:
    last = Sweep.objects.filter(name="installments").first()
    if last is None:
        return "no sweep has run yet: start a worker and beat"
    age = timezone.now() - last.finished_at
    is_fresh = age <= settings.SWEEP_STALE_AFTER
    return "ok" if is_fresh else f"the last sweep ended {int(age.total_seconds())} s ago"


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "migrations": _migrations,
    "sweep": _sweep,
}
