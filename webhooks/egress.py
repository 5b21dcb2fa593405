"""Which URLs we send to, and what came of a POST. `webhooks.posting` sends.

A host is refused unless every address of it is global; loopback opens by a setting, for
development.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from django.conf import settings
from requests_hardened.ip_filter import InvalidIPAddress, filter_host

from webhooks import names

TIMEOUT = 15.0
"""Seconds for a whole exchange, from the look-up of the host to the last byte."""
LOOK_UP = 3.0
"""Seconds for the look-up of a host while a partner waits for the answer."""
LATE = "The answer took too long."
FAILED = "The connection failed."
NOT_PUBLIC = "The host resolves to an address that is not public."
UNRESOLVED = "The host does not resolve."
MAX_BODY = 64 * 1024
MAX_EXCERPT = 500
SECRET = re.compile(
    r"(whsec_|v1,|sk_live_|sk_test_|rk_live_|Bearer\s+|Basic\s+"
    r"|(?:password|secret|token|api_?key)[\"']?\s*[:=]\s*[\"']?)"
    r"[A-Za-z0-9+/=._~-]{4,}",
    re.IGNORECASE,
)
DEFAULT_PORTS = {"http": 80, "https": 443}
NUMERIC = re.compile(r"[0-9.]+")


class UrlRefused(Exception):
    """We do not send to this URL; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotPublic(OSError):
    """Nobody connects to this address."""


# By what the library raises, most telling first: its own words may hold the URL, with a token.
WORDS: list[tuple[tuple[type[BaseException], ...], str]] = [
    ((NotPublic,), NOT_PUBLIC),
    ((ssl.SSLError,), "The TLS handshake failed: is the certificate valid for this host?"),
    ((ConnectionRefusedError,), "The connection was refused."),
    ((socket.gaierror, UnicodeError), UNRESOLVED),
    ((ConnectionError, aiohttp.ServerDisconnectedError), "The answer was cut off."),
    ((HttpProcessingError, aiohttp.ClientResponseError), "The answer is not HTTP."),
    ((aiohttp.ClientPayloadError,), "The answer was cut off."),
]


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
    """Raises UrlRefused unless we would send to the URL now. Takes LOOK_UP seconds at most."""
    host = check_form(url)
    try:
        for address in names.addresses(host, timeout=LOOK_UP):
            check_address(address)
    except TimeoutError as error:
        raise UrlRefused("The host does not resolve in time.") from error
    except NotPublic as error:
        raise UrlRefused(NOT_PUBLIC) from error
    except (OSError, UnicodeError) as error:
        raise UrlRefused(UNRESOLVED) from error


def check_form(url: str) -> str:
    """The URL's host. Raises UrlRefused for what no address can make good."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError as error:
        raise UrlRefused("This is not a URL.") from error
    if port is None or not parts.hostname or parts.scheme not in DEFAULT_PORTS:
        raise UrlRefused("Use an http or https URL with a host.")
    if parts.username is not None or parts.password is not None:
        raise UrlRefused("Credentials in the URL are refused.")
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOW_LOOPBACK:
        raise UrlRefused("Use https.")
    if NUMERIC.fullmatch(parts.hostname) and not _is_address(parts.hostname):
        raise UrlRefused("Write the address of the host as four numbers.")
    return parts.hostname


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_address(address: str) -> None:
    """Raises NotPublic unless the address is one of the public internet."""
    if not _is_address(address):
        raise NotPublic
    try:
        filter_host(address, 0, allow_loopback=settings.WEBHOOK_ALLOW_LOOPBACK)
    except InvalidIPAddress as error:
        raise NotPublic from error


def in_our_words(error: BaseException) -> str:
    """What went wrong, by its class."""
    chain = list(_chain(error))
    return next(
        (words for kinds, words in WORDS if any(isinstance(cause, kinds) for cause in chain)),
        FAILED,
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what brought it about."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def redacted(text: str) -> str:
    """What a receiver echoes of secrets, its own or ours, is not kept in the log."""
    return SECRET.sub(lambda found: f"{found[1]}…", text)
