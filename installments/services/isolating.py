"""Runs: many rows in chunks, each a transaction, so that a row that breaks its chunk keeps
nothing from the others.

A chunk that fails is halved until the row that breaks it is alone; that is put into quarantine.
Waiting for locks is bounded: whose wallets somebody holds is looked up, and they are left to a
later run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, Error, connection, transaction
from django.db.models import QuerySet

from charges.deciding import UnknownRecipient
from foundation.constraints import violated
from installments.schedule import UnknownTimeZone
from partners import quarantine
from wallets import ledger
from wallets.ledger import WalletKey

CHUNK = 500
PATIENCE, IMPATIENCE = "2s", "250ms"
"""How long a chunk waits for a lock, and once one was waited for in vain."""
MOST_WAITS = 10
"""So many rows of a run are waited for one by one; more that wait are left to a later run."""
LOOKS, BETWEEN_LOOKS = 3, 0.1
"""A wallet that is locked at each of so many looks, seconds apart, is held; others are busy."""
RESTING = "resting"
"""Counts rows that were put into quarantine."""
ROWS_FAULT = ("22", "23")
"""Classes of SQLSTATE: data exceptions, integrity violations. Others are the server's or ours."""
LOCKED = ("40001", "40P01", "55P03")
"""Serialization failure, deadlock, lock not available: it passes."""
HELD = "A wallet that it needs is locked by somebody else."

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Work:
    """What is to be done to rows: which they are, how they are locked and read, what is done to
    those that were (and counted), whose wallets it waits for.
    """

    name: str
    rows: QuerySet[Any]
    claim: Callable[[Any, int], Sequence[Any]]
    do: Callable[[Sequence[Any]], Counter[str]]
    wallets: Callable[[QuerySet[Any]], dict[UUID, set[WalletKey]]]


def run_in_chunks(work: Work, *, now: datetime, limit: int | None = None) -> Iterator[Counter[str]]:
    """What was done to each chunk, until nothing is left that can be done, or `limit` rows were
    looked at.
    """
    run, left = _Run(work, now), limit
    while left is None or left > 0:
        counted = run.chunk(CHUNK if left is None else min(CHUNK, left))
        if not counted.total():
            return
        yield counted
        left = None if left is None else left - counted.total()


@dataclass
class _Run:
    work: Work
    now: datetime
    held: set[WalletKey] = field(default_factory=set)
    waits: int = 0

    def chunk(self, limit: int) -> Counter[str]:
        try:
            return self._attempt(self._due(), limit)
        except Exception as error:  # noqa: BLE001 -- whatever a row may hold; others are raised
            self._heed(error)
        return self._isolate(list(self._due().values_list("pk", flat=True)[:limit]))

    def _due(self) -> QuerySet[Any]:
        return self.work.rows.filter(quarantine.is_tried(self.work.name, self.now))

    def _attempt(self, due: QuerySet[Any], limit: int) -> Counter[str]:
        with transaction.atomic(durable=True):
            self._be_patient()
            rows = self.work.claim(due, limit)
            waiting = self._waiting([row.pk for row in rows])
            if waiting:
                self._count(waiting, HELD, is_passing=True)
                rows = [row for row in rows if row.pk not in waiting]
            counted = self.work.do(rows) if rows else Counter()
            if rows:
                quarantine.clear(self.work.name, [row.pk for row in rows], now=self.now)
        return counted + Counter({RESTING: len(waiting)})

    def _isolate(self, ids: Sequence[UUID]) -> Counter[str]:
        """Of these rows, all that can be are done; the others rest."""
        try:
            return self._attempt(self._due().filter(pk__in=ids), len(ids)) if ids else Counter()
        except Exception as error:  # noqa: BLE001 -- as above
            is_locked = self._heed(error, ids)
            if len(ids) == 1 or (is_locked and self.waits > MOST_WAITS):
                return self._rest(ids, error, is_locked)
        middle = len(ids) // 2
        return reduce(Counter.__add__, map(self._isolate, (ids[:middle], ids[middle:])))

    def _heed(self, error: Exception, ids: Sequence[UUID] = ()) -> bool:
        """Whether somebody holds what the rows need. Raises it when it is not about rows at all."""
        is_locked = sqlstate(error) in LOCKED
        if is_locked:
            self.waits += 1
            self.held |= self._held(ids)
        elif isinstance(error, Error) and not sqlstate(error).startswith(ROWS_FAULT):
            raise error
        return is_locked

    def _held(self, ids: Sequence[UUID]) -> set[WalletKey]:
        rows = self._due().filter(pk__in=ids) if ids else self._due()[:CHUNK]
        keys = set().union(*self.work.wallets(rows).values()) - self.held
        for look in range(LOOKS):
            time.sleep(BETWEEN_LOOKS if look else 0)
            with transaction.atomic(durable=True):
                keys = ledger.held_by_others(keys) if keys else keys
        return keys

    def _waiting(self, ids: Sequence[UUID]) -> set[UUID]:
        """Those that need a wallet that is known to be held."""
        if not self.held:
            return set()
        needed = self.work.wallets(self.work.rows.model._base_manager.filter(pk__in=ids))
        return {pk for pk, keys in needed.items() if keys & self.held}

    def _rest(self, ids: Sequence[UUID], error: Exception, is_locked: bool) -> Counter[str]:
        logger.error("sweep.rows_rest", work=self.work.name, rows=[*map(str, ids)], exc_info=error)
        with transaction.atomic(durable=True):
            self._count(set(ids), words(error), is_passing=is_locked)
        return Counter({RESTING: len(ids)})

    def _count(self, ids: set[UUID], reason: str, *, is_passing: bool) -> None:
        quarantine.count(
            self.work.name,
            self.work.rows.model,
            ids,
            reason=reason,
            is_passing=is_passing,
            now=self.now,
        )

    def _be_patient(self) -> None:
        """Of this transaction."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, true)",
                [IMPATIENCE if self.waits else PATIENCE],
            )


def sqlstate(error: Exception) -> str:
    """PostgreSQL's code of it; empty when it has none."""
    return getattr(error.__cause__, "pgcode", None) or ""


def words(error: Exception) -> str:
    """Why the row was not done, for staff."""
    if isinstance(error, UnknownTimeZone | UnknownRecipient):
        return str(error)
    if sqlstate(error) in LOCKED:
        return "Something that it needs is locked by somebody else."
    if isinstance(error, DatabaseError):
        return f"The database refuses what would be written: {violated(error) or sqlstate(error)}."
    return f"It cannot be read, or worked with ({type(error).__name__}); the log says where."
