"""When to resume what has no outcome.

Every wait is a little shorter than its ladder says, at random, so that what failed together does
not come back together.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

JITTER = 0.1
DAILY = [timedelta(days=1)] * 5
UNKNOWN = [timedelta(minutes=5), timedelta(hours=1), *DAILY]
NOT_EXECUTED = [timedelta(minutes=m) for m in (5, 10, 20, 40, 80)] + DAILY
SLOW = [timedelta(hours=1), timedelta(hours=6), *[timedelta(days=1)] * 30]
"""A bank that has accepted a payment or a refund may take days."""
REFUSED_FOR_NOW = SLOW
"""A refund that the processor would make if our balance with it covered it."""
MAX_CUT_OFF = 5
"""What was begun so often and never ended kills its workers: staff look at it."""
FIRST_LOOK = timedelta(minutes=5)
SOON = timedelta(seconds=30)
"""What could still be paid although nobody wants it is canceled as soon as can be."""
LAST_LOOK = timedelta(days=1)


def wait(ladder: list[timedelta], attempts: int) -> timedelta | None:
    """How long after the n-th attempt; None when the ladder ends."""
    return _jittered(ladder[attempts - 1]) if attempts <= len(ladder) else None


def doubling(since: datetime, now: datetime, *, first: timedelta = FIRST_LOOK) -> timedelta:
    """As long again as has passed, at least `first`, at most a day."""
    return _jittered(min(max(now - since, first), LAST_LOOK))


def _jittered(wait: timedelta) -> timedelta:
    return wait * random.uniform(1 - JITTER, 1)
