"""One run of a task at a time: a lease in PostgreSQL, renewed while the run lives.

The lease saves work, it does not guard it: every run is safe beside another, as it is when a lease
lapses because its holder cannot renew it. Instants are the database's, so that clocks of workers
that disagree, or jump, do no harm.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, connection

from foundation import broker

TTL = 15
"""Seconds that a lease outlives a holder who was killed."""
RENEW_AFTER = TTL / 3
LONGEST = 600
"""Seconds that a run is alone: another may join one that takes longer, or hangs."""
P = ParamSpec("P")
T = TypeVar("T")

logger = structlog.get_logger(__name__)

# A lease that ends later than any can was taken under another clock.
ACQUIRE = """
INSERT INTO partners_tasklease AS held (name, holder, started_at, expires_at, is_wanted)
VALUES (%(name)s, %(holder)s, clock_timestamp(), clock_timestamp() + %(ttl)s, false)
ON CONFLICT (name) DO UPDATE SET (holder, started_at, expires_at, is_wanted) = (
    SELECT
        CASE WHEN is_free THEN excluded.holder ELSE held.holder END,
        CASE WHEN is_free THEN excluded.started_at ELSE held.started_at END,
        CASE WHEN is_free THEN excluded.expires_at ELSE held.expires_at END,
        NOT is_free
    FROM (SELECT held.expires_at <= clock_timestamp()
        OR held.expires_at > clock_timestamp() + %(ttl)s AS is_free) AS lease)
RETURNING holder = %(holder)s
"""
RENEW = """
UPDATE partners_tasklease SET expires_at = clock_timestamp() + %(ttl)s
WHERE name = %(name)s AND holder = %(holder)s
"""
# Of those whose holders died, no later run of their process makes an end.
RELEASE = """
WITH left_behind AS (
    DELETE FROM partners_tasklease WHERE expires_at < clock_timestamp() - interval '1 day')
DELETE FROM partners_tasklease WHERE name = %(name)s AND holder = %(holder)s RETURNING is_wanted
"""


def single_flight(
    task: str, *, each_process: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T | None]]:
    """A function of which one run at a time is enough, or one in each process. Called meanwhile it
    does nothing, and the task of that name is sent once more when the run under way has ended.
    """

    def decorate(run: Callable[P, T]) -> Callable[P, T | None]:
        @wraps(run)
        def alone(*args: P.args, **kwargs: P.kwargs) -> T | None:
            broker.taken(task)
            name = f"{task}@{socket.gethostname()}:{os.getpid()}" if each_process else task
            with held(name) as lease:
                outcome = run(*args, **kwargs) if lease else None
            if lease and lease.was_wanted:
                broker.send(task)
            return outcome

        return alone

    return decorate


@contextmanager
def held(name: str) -> Iterator[Lease | None]:
    """The lease of that name is ours during the block; None when it is somebody else's."""
    lease = Lease(name, uuid4())
    if not lease.acquire():
        yield None
        return
    is_over = threading.Event()
    renewing = threading.Thread(target=lease.keep, args=[is_over], daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        is_over.set()
        renewing.join()
        lease.release()


@dataclass
class Lease:
    name: str
    holder: UUID
    was_wanted: bool = False
    """Whether somebody came meanwhile; known when it was released."""

    def acquire(self) -> bool:
        return bool(self._ask(ACQUIRE))

    def keep(self, is_over: threading.Event) -> None:
        """Renews it until the run is over, or takes longer than a run is alone."""
        try:
            for _ in range(int(LONGEST / RENEW_AFTER)):
                if is_over.wait(RENEW_AFTER):
                    return
                self._ask(RENEW)
            logger.warning("lease.long_run", name=self.name)
        except DatabaseError as error:  # it lapses: another run may join
            logger.warning("lease.not_renewed", name=self.name, error=str(error))
        finally:
            connection.close()

    def release(self) -> None:
        self.was_wanted = bool(self._ask(RELEASE))

    def _ask(self, sql: str) -> bool | None:
        with connection.cursor() as cursor:
            ttl = f"{TTL} seconds"
            cursor.execute(sql, {"name": self.name, "holder": self.holder, "ttl": ttl})
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]
