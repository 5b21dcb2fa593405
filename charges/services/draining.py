"""Going through what is due, several at a time, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import structlog
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

PARALLEL = 8
MAX_BROKEN = 5

logger = structlog.get_logger(__name__)


def drain(due: Callable[[datetime], QuerySet[Any]], do_next: Callable[[datetime], bool]) -> int:
    """`do_next` is called with the time, in several threads, until it finds nothing to do; returns
    how often it did something.

    The caller's thread takes part. Helpers, each with a database connection of its own, are started
    for further rows that `due` finds, so that looking in vain costs one query. What breaks
    `do_next` is logged and left to its lease, so that the others go on.
    """
    waiting = due(timezone.now())[:PARALLEL].count()
    if waiting <= 1:
        return _drain(do_next) if waiting else 0
    with ThreadPoolExecutor(waiting - 1) as pool:
        helpers = [pool.submit(_help, do_next) for _ in range(waiting - 1)]
        return _drain(do_next) + sum(helper.result() for helper in helpers)


def _help(do_next: Callable[[datetime], bool]) -> int:
    try:
        return _drain(do_next)
    finally:
        connection.close()


def _drain(do_next: Callable[[datetime], bool]) -> int:
    done = broken = 0
    while broken < MAX_BROKEN:
        try:
            if not do_next(timezone.now()):
                break
            done += 1
        except Exception:
            logger.exception("charges.broke_the_run")
            broken += 1
    return done
