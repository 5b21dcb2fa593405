"""POSTs to a stranger's URL: bounded in time, size and reach.

Addresses are resolved once, refused unless global (loopback opens by a setting, for development)
and pinned by requests-hardened. Redirects and the environment's proxies are never followed. A
deadline of TIMEOUT seconds covers the whole exchange: a receiver that drips bytes is cut off. A
connection stays open for the next POST of the same client; the URL is checked for each.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests_hardened import Config, HTTPSession
from requests_hardened.ip_filter import InvalidIPAddress, filter_host
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError, SSLError

TIMEOUT = 15.0
LATE = "The answer took too long."
FAILED = "The connection failed."
# By what the library raises, most telling first: its own words may hold the URL, with a token.
WORDS: list[tuple[tuple[type[BaseException], ...], str]] = [
    ((InvalidIPAddress,), "The host resolves to an address that is not public."),
    ((ssl.SSLError, SSLError), "The TLS handshake failed: is the certificate valid for this host?"),
    ((ConnectionRefusedError,), "The connection was refused."),
    ((socket.gaierror, UnicodeError), "The host does not resolve."),
    ((ConnectionError, http.client.IncompleteRead), "The answer was cut off."),
    ((http.client.HTTPException,), "The answer is not HTTP."),
    ((ProtocolError,), "The answer was cut off."),
]
MAX_BODY = 64 * 1024
MAX_EXCERPT = 500
SECRET = re.compile(
    r"(whsec_|v1,|sk_live_|sk_test_|rk_live_|Bearer\s+|Basic\s+"
    r"|(?:password|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?)"
    r"[A-Za-z0-9+/=._~-]{4,}",
    re.IGNORECASE,
)
DEFAULT_PORTS = {"http": 80, "https": 443}


class UrlRefused(Exception):
    """We do not send to this URL; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a POST: a status and the beginning of the body, or an error in our words."""

    status: int | None
    excerpt: str
    error: str
    retry_after: float | None
    duration_ms: int

    @property
    def is_success(self) -> bool:
        return not self.error and self.status is not None and 200 <= self.status < 300


def check_url(url: str) -> None:
    """Raises UrlRefused unless we would send to the URL now."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError as error:
        raise UrlRefused("This is not a URL.") from error
    if port is None or not parts.hostname:
        raise UrlRefused("Use an http or https URL with a host.")
    if parts.username or parts.password:
        raise UrlRefused("Credentials in the URL are refused.")
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOW_LOOPBACK:
        raise UrlRefused("Use https.")
    for address in _addresses(parts.hostname, port):
        try:
            filter_host(address, port, allow_loopback=settings.WEBHOOK_ALLOW_LOOPBACK)
        except InvalidIPAddress as error:
            raise UrlRefused("The host resolves to an address that is not public.") from error


def _addresses(host: str, port: int) -> set[str]:
    """Every address of the host: one that is not public is enough to refuse it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UrlRefused("The host does not resolve.") from error
    return {str(address[0]) for *_, address in found}


class Post(Protocol):
    def __call__(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The receiver's answer, or the error that stood in its place; never raises for either."""


@contextmanager
def client() -> Iterator[Post]:
    """A `post` for this thread, whose connections are open until the end of the block."""
    with _session() as session:
        yield partial(_post, session)


def _post(
    session: requests.Session, url: str, *, body: bytes, headers: Mapping[str, str]
) -> Answer:
    started = time.monotonic()

    def answer(response: requests.Response | None, excerpt: str, error: str) -> Answer:
        took = int((time.monotonic() - started) * 1000)
        if response is None:
            return Answer(None, excerpt, error, None, took)
        return Answer(response.status_code, excerpt, error, _retry_after(response), took)

    try:
        check_url(url)
        with _deadline() as exchange:
            response = session.post(
                url, data=body, headers=dict(headers), stream=True, timeout=TIMEOUT
            )
            with response:
                excerpt = _read(response)
            return answer(response, excerpt, LATE if exchange.is_late else "")
    except UrlRefused as error:
        return answer(None, "", error.reason)
    except (requests.Timeout, ReadTimeoutError):
        return answer(None, "", LATE)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        is_late = time.monotonic() - started >= TIMEOUT  # what cutting it off made of it
        return answer(None, "", LATE if is_late else in_our_words(error))


def in_our_words(error: BaseException) -> str:
    """What went wrong, by its class."""
    chain = list(_chain(error))
    return next(
        (words for kinds, words in WORDS if any(isinstance(cause, kinds) for cause in chain)),
        FAILED,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what brought it about; urllib3 keeps that in `reason` or in the arguments."""
    for cause in (error, error.__cause__, error.__context__, getattr(error, "reason", None)):
        if cause is error:
            yield error
        elif isinstance(cause, BaseException):
            yield from _chain(cause)
    yield from (part for part in error.args if isinstance(part, BaseException))


def _read(response: requests.Response) -> str:
    raw = response.raw.read(MAX_BODY, decode_content=False)
    text = str(raw[: 2 * MAX_EXCERPT].decode("utf-8", "replace").replace("\x00", "\ufffd"))
    return redacted(text)[:MAX_EXCERPT]


def redacted(text: str) -> str:
    """What a receiver echoes of secrets, its own or ours, is not kept in the log."""
    return SECRET.sub(lambda found: f"{found[1]}…", text)


def _retry_after(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


# The deadline: an exchange has a handle of the socket that it speaks on, and a timer shuts it down.
_thread = threading.local()


class _Exchange:
    """One request and its answer, from connecting to the last byte that is read."""

    def __init__(self) -> None:
        self.is_late = False
        self._handles: list[socket.socket] = []

    def speak_on(self, sock: socket.socket) -> None:
        """A second handle: TLS takes the first one over, and cannot be asked for a copy."""
        self._handles.append(socket.socket(fileno=os.dup(sock.fileno())))
        if self.is_late:
            self.cut()

    def cut(self) -> None:
        self.is_late = True
        for handle in self._handles:
            with suppress(OSError):  # closed already: nothing is left to cut
                handle.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        for handle in self._handles:
            handle.close()


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        _thread.exchange.speak_on(sock)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock:
            _thread.exchange.speak_on(self.sock)
        super().request(*args, **kwargs)


class _Tls(_Plain, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


@contextmanager
def _session() -> Iterator[requests.Session]:
    config = Config(
        ip_filter_enable=True,
        ip_filter_allow_loopback_ips=settings.WEBHOOK_ALLOW_LOOPBACK,
        never_redirect=True,
        default_timeout=(TIMEOUT, TIMEOUT),
        user_agent_override="payments-api-webhooks/1",
    )
    with HTTPSession(config) as session:
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for adapter in session.adapters.values():
            assert isinstance(adapter, HTTPAdapter)  # noqa: S101 -- mounted by HTTPSession
            adapter.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
        yield session


@contextmanager
def _deadline() -> Iterator[_Exchange]:
    exchange = _thread.exchange = _Exchange()
    timer = threading.Timer(TIMEOUT, exchange.cut)
    timer.daemon = True
    timer.start()
    try:
        yield exchange
    finally:
        timer.cancel()
        exchange.end()
