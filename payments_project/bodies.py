"""WSGI around Django: a request's body is read whatever its framing.

Django takes a request without Content-Length for one without a body. Chunked requests have none
(RFC 9112, 7.1), those of HTTP/2 need none (RFC 9113, 8.1.1): a server that says
`wsgi.input_terminated` gives their bodies all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings

ADMIN = "/admin/"


def limit(path: str) -> int:
    """How many bytes a body of a request to the path may have."""
    is_admin = path.startswith(ADMIN)
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_admin else settings.API_MAX_BODY)


class WholeBodies:
    """The application sees every body with its length.

    Of one that is too large it sees a byte more than the limit, and refuses it
    (middleware.BodyLimit). Transfer-Encoding is left where the server cannot tell where the body
    ends: such a request is refused too.
    """

    def __init__(self, application: WSGIApplication) -> None:
        self.application = application

    def __call__(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        if not _has_length(environ) and environ.get("wsgi.input_terminated"):
            body = _read(environ["wsgi.input"], limit(environ["PATH_INFO"]) + 1)
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return self.application(environ, respond)


def _has_length(environ: WSGIEnvironment) -> bool:
    """A length beside a Transfer-Encoding counts for nothing (RFC 9112, 6.3)."""
    return "HTTP_TRANSFER_ENCODING" not in environ and bool(environ.get("CONTENT_LENGTH"))


def _read(stream: Any, size: int) -> bytes:
    """At most so many bytes; a server may give fewer at a time than it was asked for."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
