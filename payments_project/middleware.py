"""What wraps every request: its id and its log line, probes, the size of its body, how
often strangers may ask."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from uuid_utils.compat import uuid7

from partners import strangers
from partners.access import Granted
from payments_project import bodies, health, problems

SANE_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
OPEN = re.compile(r"/|/schema|/docs(/.*)?")
CALLBACK = "/stripe/webhook"
Handler = Callable[[HttpRequest], HttpResponse]

logger = structlog.get_logger("request")


class RequestLog:
    """Every answer carries X-Request-Id (the caller's, if sane) and leaves one log line."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        asked = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = asked if SANE_ID.fullmatch(asked) else str(uuid7())
        request.request_id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        logger.info(
            f"{request.method} {request.path}",
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 1),
            **_partner(request),
        )
        return response


class Health:
    """Probes are answered before anything asks for a host, a scheme or a session: balancers and
    Kubernetes ask by the address of the process, over plain HTTP.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = health.ANSWERS.get(request.path_info, self.get_response)
        return answer(request)


class BodyLimit:
    """A body over its limit is refused before anything is done with it, and so is one that did not
    come in time, or whose end another server than ours does not know (payments_project.front).
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        limit = bodies.limit(request.path_info)
        if request.META.get(bodies.LATE):
            return problems.respond(request, problems.API["request_timeout"])
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return problems.respond(request, problems.API["length_required"])
        if int(request.META.get("CONTENT_LENGTH") or 0) > limit:
            detail = f"A body has at most {limit // 1024} KiB here."
            return problems.respond(request, problems.API["too_large"], detail)
        return self.get_response(request)


class StrangerLimit:
    """Without a valid key, an address asks for open pages, and is refused, so often a minute.

    Pages are refused before they are made. Whether a key is valid, or Stripe's signature, is known
    only afterwards: a partner and Stripe are never counted.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        now = time.time()
        if OPEN.fullmatch(request.path_info):
            return self._refusal(request, now) or self.get_response(request)
        response = self.get_response(request)
        is_forged = request.path_info == CALLBACK and response.status_code == 400
        if response.status_code == 401 or is_forged:
            return self._refusal(request, now) or response
        return response

    def _refusal(self, request: HttpRequest, now: float) -> HttpResponse | None:
        if not strangers.exceeds(request, now):
            return None
        response = problems.respond(request, problems.API["rate_limited"])
        response["Retry-After"] = str(strangers.seconds_left(now))
        return response


def _partner(request: HttpRequest) -> dict[str, str]:
    granted = getattr(request, "auth", None)
    return {"partner": str(granted.access.partner_id)} if isinstance(granted, Granted) else {}
