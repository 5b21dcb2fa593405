"""How many conversations Stripe is held in at once, and how fast our requests follow each other.

A process holds at most settings.STRIPE_CONVERSATIONS. All processes together send at most
settings.STRIPE_REQUESTS_PER_SECOND (Stripe's own limit: https://docs.stripe.com/rate-limits),
counted by the broker; while that is away, Stripe's 429 is the limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from foundation import broker

PATIENCE = 30.0
"""Seconds that a worker's question waits for a place, and for its turn."""
BATCH_SHARE = 0.8
"""Of the rate, what charges that orders ask for may use: the rest is for whoever is waiting."""
BURST = 0.1
"""Seconds of the rate that may be sent at once after a silence."""
KEY = "stripe:next_request"

# The generic cell rate algorithm (ITU-T I.371): KEYS[1] holds the instant, in microseconds, at
# which the next request is on time. The answer is how long to wait, -1 for longer than ARGV[3].
# An instant that no queue can explain was written under another clock.
RESERVE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local step, burst, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = tonumber(redis.call('GET', KEYS[1]) or '0')
if due < now - burst or due > now + 60000000 then due = now - burst end
if due > now + patience then return -1 end
redis.call('SET', KEYS[1], string.format('%d', due + step), 'PX', 60000)
return math.max(due - now, 0)
"""


class _Places:
    """A bounded number of conversations at once; a thread that holds one may go on in it."""

    def __init__(self) -> None:
        self._thread = threading.local()
        self.bound(settings.STRIPE_CONVERSATIONS, PATIENCE)

    def bound(self, count: int, patience: float) -> None:
        """So many conversations at once; further ones wait so many seconds for a place."""
        self._free = threading.BoundedSemaphore(count)
        self.patience = patience

    @property
    def is_batch(self) -> bool:
        return getattr(self._thread, "is_batch", False)

    @contextmanager
    def hold(self, *, is_batch: bool = False) -> Iterator[bool]:
        """Whether the block has a place among those that may talk at once."""
        if getattr(self._thread, "is_held", False):
            yield True
            return
        free = self._free
        if not free.acquire(timeout=self.patience):
            yield False
            return
        self._thread.is_held, self._thread.is_batch = True, is_batch
        try:
            yield True
        finally:
            self._thread.is_held = self._thread.is_batch = False
            free.release()


places = _Places()


def wait_for_turn() -> bool:
    """This request keeps the rate: it has waited as long as that takes. False when it would have
    to wait longer than it may.
    """
    rate = float(settings.STRIPE_REQUESTS_PER_SECOND)
    if places.is_batch and not _wait(f"{KEY}:batch", rate * BATCH_SHARE):
        return False
    return _wait(KEY, rate)


def _wait(key: str, rate: float) -> bool:
    patience = max(places.patience, 1 / rate)
    arguments = [int(1e6 / rate), int(1e6 * BURST), int(1e6 * patience)]
    answers = broker.ask(lambda pipeline: pipeline.eval(RESERVE, 1, key, *arguments))
    microseconds = int(answers[0]) if answers else 0
    if microseconds > 0:
        time.sleep(microseconds / 1e6)
    return microseconds >= 0
