"""The HTTP side: requests read, faults played, answers written."""

from __future__ import annotations

import logging
import select
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import stripe

from devstack.stripe_sandbox.api import Answer, Api, Request, answer_of
from devstack.stripe_sandbox.call import new_id
from devstack.stripe_sandbox.control import Control
from devstack.stripe_sandbox.errors import (
    ApiError,
    balance_insufficient,
    internal,
    invalid,
    key_in_use,
    rate_limited,
    unauthorized,
)
from devstack.stripe_sandbox.faults import Fault, Faults

log = logging.getLogger(__name__)

BODY_LIMIT = 1 << 20
FORM = "application/x-www-form-urlencoded"
GARBAGE = Answer(200, b"<html><title>502</title>upstream said: {\x00")


class SandboxServer(ThreadingHTTPServer):
    """Listens at once; `faults` are consulted for each `/v1` request."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], api: Api) -> None:
        self.api = api
        self.faults = Faults()
        self.control = Control(api, self.faults)
        super().__init__(address, Exchange)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients that give up are what the tests are about: no traceback for each.
        log.info("the connection %s from %s broke: %r", request, client_address, sys.exc_info()[1])


class Exchange(BaseHTTPRequestHandler):
    """One connection: answers are sent in one piece, without waiting for acknowledgements."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: SandboxServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        log.debug(format, *args)

    def _serve(self) -> None:
        started = time.perf_counter()
        url = urlsplit(self.path)
        self._id = new_id("req_", 14)
        try:
            answer = self._answer(url.path, url.query)
        except ApiError as error:
            answer = answer_of(error)
        except Exception:
            log.exception("the sandbox failed on %s %s", self.command, self.path)
            answer = answer_of(internal())
        spent = 1000 * (time.perf_counter() - started)
        status = answer.status if answer else "dropped"
        key = self.headers.get("Idempotency-Key", "-")
        log.info("%s %s %s %.1fms key=%s", self.command, url.path, status, spent, key)
        self._send(answer)

    def _answer(self, path: str, query: str) -> Answer | None:
        text = self._read_body() or query
        if path.startswith("/_sandbox/"):
            return self.server.control.answer(self.command, path, text)
        request = Request(
            method=self.command,
            path=path,
            text=text,
            authorization=self.headers.get("Authorization", ""),
            key=self.headers.get("Idempotency-Key"),
            id=self._id,
        )
        fault = self.server.faults.take(self.command, path, unquote_plus(text))
        if fault is not None and not fault.executes:
            return self._refuse(fault, request)
        return self._execute(request, fault)

    def _execute(self, request: Request, fault: Fault | None) -> Answer | None:
        action = fault.action if fault else None
        with self.server.api.in_flight(request):
            answer = self.server.api.answer(request, action)
            if fault is not None and action == "hang_after":
                self._hang(fault.hang_seconds)
        if action == "garbage":
            return GARBAGE
        return None if action == "drop_after" else answer

    def _refuse(self, fault: Fault, request: Request) -> Answer | None:
        if fault.action == "hang_before":
            self._hang(fault.hang_seconds)
        kept = {
            "error_500_kept": internal(),
            "balance_insufficient": balance_insufficient(),
        }
        if fault.action in kept:
            return self.server.api.fail(request, kept[fault.action])
        errors = {
            "error_500_before": internal(),
            "rate_limit_429": rate_limited(),
            "conflict_409": key_in_use(request.key or ""),
            "unauthorized_401": unauthorized("sk_test_refused"),
        }
        error = errors.get(fault.action)
        return answer_of(error) if error else None

    def _hang(self, seconds: float) -> None:
        """Until the time is over or the client has gone; then its key is in flight no more."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if readable and self.connection.recv(1, socket.MSG_PEEK):
            log.warning("a client sent more before it had its answer")

    def _read_body(self) -> str:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            raise invalid("A body needs a Content-Length.")
        if int(length) > BODY_LIMIT:
            self.close_connection = True
            raise ApiError(413, "Request body too large.", executed=False)
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        kind = self.headers.get("Content-Type", FORM).partition(";")[0].strip()
        if body and kind != FORM and self.path.startswith("/v1/"):
            raise invalid(
                "Invalid request (check that your POST content type is "
                "application/x-www-form-urlencoded)."
            )
        return body

    def _send(self, answer: Answer | None) -> None:
        if answer is None:
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Request-Id", self._id)
        self.send_header("Stripe-Version", self.headers.get("Stripe-Version", stripe.api_version))
        if "Idempotency-Key" in self.headers:
            self.send_header("Idempotency-Key", self.headers["Idempotency-Key"])
        if answer.replayed:
            self.send_header("Idempotent-Replayed", "true")
        if answer.status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="Stripe"')
        self.end_headers()
        self.wfile.write(answer.body)
