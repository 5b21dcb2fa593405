"""Door: the sending of what is due, on one event loop.

The loop has a thread and the database another, so that neither waits for the other. Each endpoint
is drained by a task of its own, and a slow one costs the others a coroutine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from foundation import runs
from webhooks import claiming, posting
from webhooks.services.draining import Ask, Drain

RUN = 20.0
"""Seconds of a run in which every endpoint is served; then those alone that answer quickly, until
the others' last answers are there."""
LOOK_GAP = 0.05
"""Seconds between two looks for endpoints that became due."""
SHARE_OF_LOOKS = 0.2
ENDPOINTS = 256
FAILING = 64
"""Endpoints that a run serves at once; of those that fail, so many."""
LEFT_ALONE = 5.0
"""Seconds for which a run leaves an endpoint that failed or did not answer: it does not try the
next delivery before the first could come again."""

logger = structlog.get_logger(__name__)


def deliver_due() -> int:
    """Everything that was due, or became due meanwhile, has been tried once; returns how many. Ends
    when nothing is left, or after RUN seconds with the answers that are waited for.

    Any number may run at once: deliveries are claimed with SKIP LOCKED. Endpoints that fail rest.
    """
    now = timezone.now()
    claiming.retrieve(now)
    if not claiming.due_endpoints(now):
        return 0
    with runs.logged("webhooks.run_finished") as counts:
        with ThreadPoolExecutor(1) as loop:  # a caller may have a loop of its own
            counts["tried"] = loop.submit(copy_context().run, asyncio.run, _deliver()).result()
        return int(counts["tried"])


async def _deliver() -> int:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as database:

        def ask(step: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
            return loop.run_in_executor(database, step, *arguments)

        try:
            async with posting.client() as post:
                return await _Run(ask, post).work()
        finally:
            await ask(_close)


def _close() -> None:
    connection.close()  # the thread's own


class _Run:
    """One look after another for due endpoints, each drained by a task."""

    def __init__(self, ask: Ask, post: posting.Post) -> None:
        self._ask, self._post = ask, post
        self._until = time.monotonic() + RUN
        self._gap = LOOK_GAP
        self._drains: dict[UUID, tuple[Drain, asyncio.Task[None]]] = {}
        self._left: dict[UUID, float] = {}
        self._last: dict[UUID, float] = {}
        self._slow: set[UUID] = set()
        self._tried = 0
        self._error: BaseException | None = None

    async def work(self) -> int:
        """Raises, when all else has ended, what kept an endpoint from being drained."""
        while True:
            await self._look()
            if not self._drains:
                break
            await asyncio.wait([task for _, task in self._drains.values()], timeout=self._gap)
            self._gather()
        if self._error:
            raise self._error
        return self._tried

    async def _look(self) -> None:
        began = time.monotonic()
        but = [*self._drains, *(id_ for id_, until in self._left.items() if until > began)]
        try:
            due = await self._ask(_due_endpoints, but)
        except Exception as error:  # noqa: BLE001 -- raised when what is under way has ended
            self._error = self._error or error
            return
        self._gap = max(LOOK_GAP, (time.monotonic() - began) / SHARE_OF_LOOKS)
        for id_, is_failing in sorted(due, key=lambda row: self._last.get(row[0], 0.0)):
            if self._has_room(is_failing) and self._is_time_for(id_, is_failing):
                self._start(id_, is_failing)

    def _has_room(self, is_failing: bool) -> bool:
        failing = sum(drain.is_failing for drain, _ in self._drains.values())
        return len(self._drains) < ENDPOINTS and not (is_failing and failing >= FAILING)

    def _is_time_for(self, id_: UUID, is_failing: bool) -> bool:
        if self._error:
            return False
        return time.monotonic() < self._until or not (is_failing or id_ in self._slow)

    def _start(self, id_: UUID, is_failing: bool) -> None:
        drain = Drain(id_, is_failing, self._ask, self._post)
        self._drains[id_] = drain, asyncio.create_task(drain.work())
        self._last[id_] = time.monotonic()

    def _gather(self) -> None:
        ended = [(drain, task) for drain, task in self._drains.values() if task.done()]
        for drain, task in ended:
            del self._drains[drain.endpoint_id]
            self._tried += drain.tried
            if drain.is_slow:
                self._slow.add(drain.endpoint_id)
            error = task.exception()
            if error:
                logger.error("webhooks.drain_failed", endpoint=drain.endpoint_id, exc_info=error)
                self._error = self._error or error
            alone = LEFT_ALONE if drain.gave_up or error else LOOK_GAP
            self._left[drain.endpoint_id] = time.monotonic() + alone


def _due_endpoints(but: list[UUID]) -> list[tuple[UUID, bool]]:
    return claiming.due_endpoints(timezone.now(), but=but)
