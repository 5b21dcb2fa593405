"""One line in the log for each run of a queue: what it counted, how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

logger = structlog.get_logger(__name__)


@contextmanager
def logged(event: str, **facts: Any) -> Iterator[dict[str, Any]]:
    """The line has the facts, what the block counts in the dictionary, and its milliseconds. A run
    that counted nothing writes none: most looks find no work.
    """
    began, counts = time.perf_counter(), dict[str, Any]()
    try:
        yield counts
    finally:
        if found := {name: count for name, count in counts.items() if count}:
            ms = int((time.perf_counter() - began) * 1000)
            logger.info(event, **facts, **found, duration_ms=ms)
