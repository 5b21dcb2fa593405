"""Going through what is due, several at a time, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import structlog
from django.db import connection
from django.utils import timezone

PARALLEL = 8
MAX_BROKEN = 5

logger = structlog.get_logger(__name__)


def drain(do_next: Callable[[datetime], bool]) -> int:
    """`do_next` is called with the time, in several threads, until it finds nothing to do; returns
    how often it did something.

    What breaks it is logged and left to its lease, so that the others go on.
    """
    with ThreadPoolExecutor(PARALLEL) as pool:
        return sum(pool.map(lambda _: _drain(do_next), range(PARALLEL)))


def _drain(do_next: Callable[[datetime], bool]) -> int:
    done = broken = 0
    try:
        while broken < MAX_BROKEN:
            try:
                if not do_next(timezone.now()):
                    break
                done += 1
            except Exception:
                logger.exception("charges.broke_the_run")
                broken += 1
        return done
    finally:
        connection.close()
