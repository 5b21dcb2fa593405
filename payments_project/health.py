"""`/health` is alive; `/health/ready` can do its work: database and migrations.

A broker that is away and an old sweep degrade the whole: the API goes on, so no balancer should
take this process out for them, but somebody should look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from foundation import broker
from installments.models import Sweep

NEEDED = ("database", "migrations")

logger = structlog.get_logger(__name__)


def alive(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """503 `unavailable` when a needed check fails, 200 `degraded` when another does, else 200 `ok`.

    Each check says what it found; what is not ok is logged as `health.degraded` or
    `health.unavailable`, for an alarm.
    """
    checks = {name: _run(check) for name, check in CHECKS.items()}
    wrong = {name: found for name, found in checks.items() if found != "ok"}
    is_ready = not any(name in wrong for name in NEEDED)
    status = ("degraded" if wrong else "ok") if is_ready else "unavailable"
    if wrong:
        logger.warning(f"health.{status}", **wrong)
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
    missing = _known_migrations() - set(MigrationRecorder(connection).applied_migrations())
    return f"{len(missing)} migrations are not applied" if missing else "ok"


@cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    """Of the code: it stays the same as long as the process."""
    return frozenset(MigrationLoader(None).graph.nodes)


def _sweep() -> str:
    last = Sweep.objects.filter(name="installments").first()
    if last is None or last.alive_at is None:
        return "no sweep has run yet: start a worker and beat"
    age = timezone.now() - last.alive_at
    is_fresh = age <= settings.SWEEP_STALE_AFTER
    return (
        "ok" if is_fresh else f"the last sweep ended, or got on, {int(age.total_seconds())} s ago"
    )


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "migrations": _migrations,
    "sweep": _sweep,
}

ANSWERS = dict(zip(settings.HEALTH_PATHS, (alive, ready), strict=True))
