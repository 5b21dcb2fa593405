"""The broker as a hint: counters, versions and nudges that may be lost, never waited for.

PostgreSQL holds the truth. When the broker is away every call here returns its neutral answer at
once, and for REST seconds nobody asks again, so that the API answers in bounded time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

REST = 5.0
TIMEOUT = 0.5
NUDGE_GAP = 0.05
NUDGE_LIFE = 30
"""Seconds after which a nudge that no worker took counts as lost."""

logger = structlog.get_logger(__name__)


class _Circuit:
    """Closed while the broker answers; after an error open for REST seconds."""

    def __init__(self) -> None:
        self.open_until = 0.0

    def call(self, ask: Callable[[], Any]) -> Any:
        if time.monotonic() < self.open_until:
            return None
        try:
            return ask()
        except (redis.RedisError, OperationalError, OSError) as error:
            self.open_until = time.monotonic() + REST
            logger.warning("broker.away", error=str(error))
            return None


circuit = _Circuit()


@cache
def client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.CACHE_URL,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )


def ask(commands: Callable[[Any], None]) -> list[Any] | None:
    """The answers of several commands in one round trip; None when the broker is away."""

    def send() -> list[Any]:
        pipeline = client().pipeline(transaction=False)
        commands(pipeline)
        return list(pipeline.execute())

    answer: list[Any] | None = circuit.call(send)
    return answer


_nudges = threading.Lock()
_waiting: set[str] = set()


def nudge(task: str) -> None:
    """After the commit, ask a worker to look now instead of at its next sweep.

    Nudges never pile up: one timer a task and process sends a single one for all that come within
    NUDGE_GAP seconds, and none is sent while another waits for a worker.
    """
    transaction.on_commit(lambda: _nudge_soon(task), robust=True)


def taken(task: str) -> None:
    """A worker begins to look: what it does not see yet is worth another nudge."""
    ask(lambda pipeline: pipeline.delete(_mark(task)))


def send(task: str) -> None:
    """A worker is asked to look now, unless one is already."""
    is_first = ask(lambda pipeline: pipeline.set(_mark(task), 1, nx=True, ex=NUDGE_LIFE))
    if is_first and is_first[0]:
        circuit.call(lambda: current_app.send_task(task, retry=False, ignore_result=True))


def _mark(task: str) -> str:
    return f"nudged:{task}"


def _nudge_soon(task: str) -> None:
    with _nudges:
        if task in _waiting:
            return
        _waiting.add(task)
    timer = threading.Timer(NUDGE_GAP, _send, [task])
    timer.daemon = True
    timer.start()


def _send(task: str) -> None:
    with _nudges:
        _waiting.discard(task)
    send(task)
