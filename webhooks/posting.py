"""POSTs to strangers' URLs, many at once on one event loop: bounded in time, size and reach.

A connection goes to an address that was looked up for it and checked, never to a name. Redirects,
cookies and the environment's proxies are not followed, bodies are read to MAX_BODY as they come.
egress.TIMEOUT covers the whole exchange, look-up and TLS handshake included. Connections stay open
for the next POST until the client ends.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.utils import timezone
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from webhooks import egress, names
from webhooks.egress import Answer

CLOSES_LATE = sys.version_info < (3, 12, 7)
"""Python waits for a receiver's goodbye within TLS (github.com/python/cpython/pull/118960)."""
HEADERS = {"User-Agent": "payments-api-webhooks/1", "Accept-Encoding": "identity"}


class Post(Protocol):
    async def __call__(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The receiver's answer, or the error that stood in its place; never raises for either."""


@asynccontextmanager
async def client() -> AsyncIterator[Post]:
    """A `post` whose connections are open until the end of the block."""
    connector = aiohttp.TCPConnector(
        resolver=_Checked(),
        use_dns_cache=False,
        socket_factory=_socket,
        ssl=tls(),
        limit=0,
        enable_cleanup_closed=CLOSES_LATE,
    )
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # _post has its own
        auto_decompress=False,
        headers=HEADERS,
    ) as session:
        yield partial(_post, session)


@cache
def tls() -> ssl.SSLContext:
    """The authorities that requests trusts."""
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)


class _Checked(AbstractResolver):
    """One address that is not public is enough to refuse the host."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await names.addresses_soon(host)
        for address in found:
            egress.check_address(address)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=_family(address), proto=0, flags=0
            )
            for address in found
        ]

    async def close(self) -> None:
        """Holds nothing."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _socket(to: tuple[Any, ...]) -> socket.socket:
    """For the address that is about to be connected to. The last gate: hosts that are addresses
    already are not resolved.
    """
    family, kind, protocol, _, address = to
    egress.check_address(address[0])
    return socket.socket(family, kind, protocol)


async def _post(
    session: aiohttp.ClientSession, url: str, *, body: bytes, headers: Mapping[str, str]
) -> Answer:
    started = time.monotonic()

    def answer(response: aiohttp.ClientResponse | None, excerpt: str, error: str) -> Answer:
        took = int((time.monotonic() - started) * 1000)
        if response is None:
            return Answer(None, excerpt, error, None, took)
        return Answer(response.status, excerpt, error, _retry_after(response), took)

    response, raw = None, bytearray()
    try:
        egress.check_form(url)
        async with (
            asyncio.timeout(egress.TIMEOUT),
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            with suppress(
                aiohttp.ClientPayloadError
            ):  # the status is there: a short excerpt will do
                await _read(response, raw)
            return answer(response, _excerpt(raw), "")
    except egress.UrlRefused as error:
        return answer(None, "", error.reason)
    except TimeoutError:
        return answer(response, _excerpt(raw), egress.LATE)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return answer(None, "", egress.in_our_words(error))


async def _read(response: aiohttp.ClientResponse, raw: bytearray) -> None:
    while len(raw) < egress.MAX_BODY:
        more = await response.content.read(egress.MAX_BODY - len(raw))
        if not more:
            return
        raw += more


def _excerpt(raw: bytearray) -> str:
    beginning = raw[: 2 * egress.MAX_EXCERPT].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return egress.redacted(beginning)[: egress.MAX_EXCERPT]


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds. RFC 9110, section 10.2.3, knows seconds and a date."""
    text = response.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at: datetime = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    return max((at - timezone.now()).total_seconds(), 0.0)
