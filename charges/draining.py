"""Going through what is due, several at a time, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from foundation import runs

PARALLEL = 8
MAX_BROKEN = 5
T = TypeVar("T")

logger = structlog.get_logger(__name__)


def drain(
    due: Callable[[datetime], QuerySet[Any]],
    take_next: Callable[[datetime], T | None],
    work: Callable[[T, datetime], object],
    *,
    parallel: int = PARALLEL,
) -> int:
    """Run `work` on what `take_next` leases, in several threads, until nothing is left; returns how
    many rows that were. A row that fails is logged and left to its lease, so that the others go on;
    a run that cannot claim ends.

    The caller's thread takes part. Helpers, each with a database connection of its own, are started
    for further rows that `due` finds, so that looking in vain costs one query.
    """
    found = due(timezone.now())
    waiting = found[:parallel].count()
    run = _Run(found.model._meta.db_table, take_next, work)
    with runs.logged("queue.run_finished", table=run.table) as counts:
        if waiting > 1:
            with ThreadPoolExecutor(waiting - 1) as pool:
                helpers = [pool.submit(copy_context().run, run.help) for _ in range(waiting - 1)]
                done = run.work_off() + sum(helper.result() for helper in helpers)
        else:
            done = run.work_off() if waiting else 0
        counts.update(done=done, failed=len(run.failed))
    return done


class _Run(Generic[T]):
    def __init__(
        self,
        table: str,
        take_next: Callable[[datetime], T | None],
        work: Callable[[T, datetime], object],
    ) -> None:
        self.table = table
        self.failed: list[T] = []
        self._take_next, self._work = take_next, work

    def help(self) -> int:
        try:
            return self.work_off()
        finally:
            connection.close()

    def work_off(self) -> int:
        done = broken = 0
        while broken < MAX_BROKEN:
            now = timezone.now()
            try:
                row = self._take_next(now)
            except Exception:
                logger.exception("queue.claim_failed", table=self.table)
                broken += 1
                continue
            if row is None:
                break
            try:
                self._work(row, now)
                done += 1
            except Exception:
                self.failed.append(row)
                logger.exception("queue.item_failed", table=self.table, id=_id(row))
        return done


def _id(row: Any) -> str:
    """Of a row, or of the row that a lease is about."""
    subject = row[0] if isinstance(row, tuple) else row
    return str(getattr(subject, "pk", subject))
