"""Look-ups of hosts that nobody waits for longer than he wants to.

`getaddrinfo` knows no timeout: a name server may keep it for half a minute. It runs in a thread
that outlives whoever gave up on it. Of such threads there are ALL_AT_ONCE at most, DOMAIN_AT_ONCE
for the names of one domain, so that a bad name server keeps no other's names waiting.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import Future

ALL_AT_ONCE = 64
DOMAIN_AT_ONCE = 8
WAIT = 0.02
"""Seconds between two questions for a place."""

_lock = threading.Lock()
_under_way: dict[str, Future[list[str]]] = {}


def addresses(host: str, *, timeout: float) -> list[str]:
    """Every address of the host. Raises OSError when it has none, TimeoutError after so many
    seconds.
    """
    until = time.monotonic() + timeout
    while (found := _begin(host)) is None:
        if time.monotonic() >= until:
            raise TimeoutError
        time.sleep(WAIT)
    return found.result(max(until - time.monotonic(), 0))


async def addresses_soon(host: str) -> list[str]:
    """The same; the caller's own deadline ends the wait."""
    while (found := _begin(host)) is None:
        await asyncio.sleep(WAIT)
    return await asyncio.wrap_future(found)


def _begin(host: str) -> Future[list[str]] | None:
    """The look-up of the host that is under way, or a new one; None when there is no place."""
    with _lock:
        if host in _under_way:
            return _under_way[host]
        of_domain = sum(_domain(other) == _domain(host) for other in _under_way)
        if len(_under_way) >= ALL_AT_ONCE or of_domain >= DOMAIN_AT_ONCE:
            return None
        found: Future[list[str]] = Future()
        found.set_running_or_notify_cancel()
        _under_way[host] = found
    threading.Thread(target=_look_up, args=[host, found], daemon=True).start()
    return found


def _look_up(host: str, found: Future[list[str]]) -> None:
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        outcome: list[str] | Exception = [str(address[0]) for *_, address in rows]
    except (OSError, UnicodeError) as error:
        outcome = error
    with _lock:
        del _under_way[host]
    if isinstance(outcome, Exception):
        found.set_exception(outcome)
    else:
        found.set_result(outcome)


def _domain(host: str) -> str:
    return ".".join(host.rstrip(".").split(".")[-2:])
