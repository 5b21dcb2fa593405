"""When to go on with a charge that has no outcome. Pure."""

from __future__ import annotations

from datetime import timedelta

DAILY = [timedelta(days=1)] * 5
UNKNOWN = [timedelta(minutes=5), timedelta(hours=1), *DAILY]
NOT_EXECUTED = [timedelta(minutes=m) for m in (5, 10, 20, 40, 80)] + DAILY
MAX_ATTEMPTS = 12
"""A charge that was begun so often and never parked kills its workers: staff look at it."""


def wait(ladder: list[timedelta], attempts: int) -> timedelta | None:
    """How long after the n-th attempt; None when the ladder ends."""
    return ladder[attempts - 1] if attempts <= len(ladder) else None
