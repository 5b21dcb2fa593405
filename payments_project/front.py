"""The front of a web process: granian's RSGI around the WSGI application.

A body is read, whatever its framing and for BODY_SECONDS at most, before a thread is taken: who
sends slowly keeps a connection, never a thread (docs/decisions/0018-web-front.md). Threads of
their own answer each of /health and /health/ready, also while all others are busy.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from granian._granian import RSGIHTTPProtocol as HTTPProtocol
from granian._granian import RSGIProtocolClosed as ProtocolClosed
from granian.rsgi import Scope

from charges.gateway import limits
from payments_project import bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "payments_project.settings")

BODY_SECONDS = 10.0
DROPPED = 1024 * 1024
"""Bytes over the limit that are read for nothing: a close while the client still sends could take
the answer from it.
"""
OPEN_FILES = 8192
EVERY_REQUEST: WSGIEnvironment = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


@dataclass(frozen=True, slots=True)
class Body:
    """`rest` is empty once all was read; otherwise why there is more: `large`, `late` or `cut`."""

    content: bytes = b""
    rest: str = ""


class Front:
    """Answers each request with the WSGI application, in one of `threads` threads."""

    def __init__(self, application: WSGIApplication, threads: int) -> None:
        self.application = application
        self.threads = ThreadPoolExecutor(threads, "web")
        self.reserved = {path: ThreadPoolExecutor(1, path) for path in settings.HEALTH_PATHS}

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """A connection is an open file; shells allow 1024 of them, systems far more."""
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if most == resource.RLIM_INFINITY else min(OPEN_FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, wanted), most))
        # Half of the threads at most wait for Stripe; what finds no place does not wait for one.
        limits.places.bound(max(settings.WEB_THREADS // 2, 1), patience=0)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        body = await _read(scope, protocol)
        if body.rest == "cut":  # the client is gone
            protocol.response_empty(400, [])
            return
        pool = self.reserved.get(scope.path, self.threads)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, self._answer, scope, protocol, body)

    def _answer(self, scope: Scope, protocol: HTTPProtocol, body: Body) -> None:
        """In a thread. The protocol may be told from any."""
        head: list[Any] = []
        answer: Any = self.application(
            environ(scope, body),
            lambda status, headers, _=None: head.extend((int(status[:3]), headers)),  # type: ignore[arg-type]
        )
        with closing(answer):
            status, headers = head
            if body.rest and scope.http_version != "2":
                # Or the client's next request meets the close (RFC 9112, 9.6).
                headers = [*headers, ("Connection", "close")]
            if getattr(answer, "streaming", True):
                _stream(protocol, status, headers, answer)
            else:
                protocol.response_bytes(status, headers, b"".join(answer))


def _stream(protocol: HTTPProtocol, status: int, headers: list[Any], parts: Any) -> None:
    """Each part goes out as it is made, until the client is gone."""
    transport = protocol.response_stream(status, headers)
    with suppress(ProtocolClosed):
        for part in parts:
            with suppress(StopIteration):
                next(transport.send_bytes(part).__await__())  # done, or failed, at once


async def _read(scope: Scope, protocol: HTTPProtocol) -> Body:
    length = scope.headers.get("content-length", "")
    has_end = "transfer-encoding" in scope.headers or scope.http_version == "2"
    if not has_end and length in ("", "0"):
        return Body()
    most = bodies.limit(scope.path)
    if length.isdecimal() and int(length) > most + DROPPED:
        return Body(b"", "large")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content, size = await _collect(protocol, most)
    except TimeoutError:
        return Body(b"", "late")
    if size > most + DROPPED:
        return Body(content, "large")
    is_cut = length.isdecimal() and size != int(length)
    return Body(content, "cut" if is_cut else "")


async def _collect(protocol: HTTPProtocol, most: int) -> tuple[bytes, int]:
    """The body up to a byte more than `most`, and how many bytes were read."""
    content, size = bytearray(), 0
    async for part in protocol:
        size += len(part)
        content += part[: most + 1 - len(content)]
        if size > most + DROPPED:
            break
    return bytes(content), size


def environ(scope: Scope, body: Body) -> WSGIEnvironment:
    """What PEP 3333 says of a request whose body was read."""
    host, _, port = scope.server.rpartition(":")
    found = EVERY_REQUEST | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
    }
    if scope.authority:
        found["HTTP_HOST"] = scope.authority
    for name, value in scope.headers.items():
        _add(found, name, value)
    _measure(found, body)
    return found


def _add(found: WSGIEnvironment, name: str, value: str) -> None:
    """Names with an underscore look like ours with a hyphen: they are nobody's."""
    if "_" in name:
        return
    key = f"HTTP_{name.upper().replace('-', '_')}"
    if key in found and key != "HTTP_HOST":
        value = f"{found[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
    found[key] = value


def _measure(found: WSGIEnvironment, body: Body) -> None:
    """The length is what was read; that of a body that is too large stays as it was told."""
    told = found.pop("HTTP_CONTENT_LENGTH", "")
    found.pop("HTTP_TRANSFER_ENCODING", None)
    found["CONTENT_TYPE"] = found.pop("HTTP_CONTENT_TYPE", "")
    is_told = body.rest == "large" and told
    found["CONTENT_LENGTH"] = told if is_told else str(len(body.content))
    found["wsgi.input"] = BytesIO(body.content)
    found[bodies.LATE] = body.rest == "late"


application = Front(get_wsgi_application(), settings.WEB_THREADS)
