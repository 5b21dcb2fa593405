"""Going through what is due, several at a time, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import structlog
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

PARALLEL = 8
MAX_BROKEN = 5
T = TypeVar("T")

logger = structlog.get_logger(__name__)


def drain(
    due: Callable[[datetime], QuerySet[Any]],
    claim: Callable[[datetime], T | None],
    work: Callable[[T, datetime], object],
    *,
    parallel: int = PARALLEL,
) -> int:
    """What `claim` leases at the time it is given, `work` works off, in several threads, until
    nothing is left; returns how many rows that were.

    The caller's thread takes part. Helpers, each with a database connection of its own, are started
    for further rows that `due` finds, so that looking in vain costs one query. A row that breaks
    `work` is logged and left to its lease, so that the others go on; a run that cannot claim ends.
    """
    waiting = due(timezone.now())[:parallel].count()
    if waiting <= 1:
        return _drain(claim, work) if waiting else 0
    with ThreadPoolExecutor(waiting - 1) as pool:
        helpers = [pool.submit(_help, claim, work) for _ in range(waiting - 1)]
        return _drain(claim, work) + sum(helper.result() for helper in helpers)


def _help(claim: Callable[[datetime], T | None], work: Callable[[T, datetime], object]) -> int:
    try:
        return _drain(claim, work)
    finally:
        connection.close()


def _drain(claim: Callable[[datetime], T | None], work: Callable[[T, datetime], object]) -> int:
    done = broken = 0
    while broken < MAX_BROKEN:
        now = timezone.now()
        try:
            row = claim(now)
        except Exception:
            logger.exception("charges.broke_the_run")
            broken += 1
            continue
        if row is None:
            break
        try:
            work(row, now)
            done += 1
        except Exception:
            logger.exception("charges.broke_a_row", row=str(row))
    return done
