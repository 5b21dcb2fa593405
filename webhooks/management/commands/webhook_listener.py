"""A receiver for development: verifies each webhook as a partner would, and prints it. On request
it misbehaves, to show what becomes of a delivery then.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from standardwebhooks import Webhook, WebhookVerificationError

PATH = "/api/webhook"
MAX_BODY = 1024 * 1024


class Receiver(BaseHTTPRequestHandler):
    secret = ""
    is_pretty = False
    delay = 0.0
    status: int | None = None
    is_dripping = False

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), MAX_BODY)
        body = self.rfile.read(length)
        if self.path != PATH:
            self._answer(404)
            return
        is_verified = self._verify(body)
        self._show(body, is_verified=is_verified)
        time.sleep(self.delay)
        self._answer(self.status or (204 if is_verified else 400))

    def _verify(self, body: bytes) -> bool:
        try:
            Webhook(self.secret).verify(body.decode(), dict(self.headers.items()))
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def _show(self, body: bytes, *, is_verified: bool) -> None:
        try:
            event = json.loads(body)
            data = json.dumps(event["data"], indent=2 if self.is_pretty else None)
            line = f"{event['type']} #{event['sequence']} {data}"
        except (ValueError, KeyError, TypeError):
            line = body[:500].decode("utf-8", "replace")
        mark = "verified" if is_verified else "NOT VERIFIED"
        print(f"[{mark}] {self.headers.get('webhook-id', '-')} {line}", flush=True)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        if not self.is_dripping:
            self.send_header("Content-Length", "0")
        self.end_headers()
        if self.is_dripping:
            self._drip()

    def _drip(self) -> None:
        """A byte a second, for ever: until the sender has had enough."""
        with suppress(OSError):
            while True:
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(1)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent: each webhook prints a line of its own."""


class Command(BaseCommand):
    help = f"Receives, verifies (WEBHOOK_SECRET) and prints webhooks at {PATH}."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=3001)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--secret", help="the endpoint's secret; default WEBHOOK_SECRET")
        parser.add_argument("--pretty", action="store_true", help="data on lines of its own")
        parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
        parser.add_argument("--status", type=_status, help="answer so, verified or not")
        parser.add_argument("--drip", action="store_true", help="answer a byte a second, for ever")

    def handle(
        self,
        *,
        host: str,
        port: int,
        secret: str | None,
        pretty: bool,
        delay: float,
        status: int | None,
        drip: bool,
        **options: Any,
    ) -> None:
        Receiver.secret = _checked(secret or settings.WEBHOOK_SECRET)
        Receiver.is_pretty, Receiver.is_dripping = pretty, drip
        Receiver.delay, Receiver.status = max(delay, 0.0), status
        with _server(host, port) as server:
            self.stdout.write(f"Listening on http://{host}:{server.server_port}{PATH}")
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                self.stdout.write("Stopped.")


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 200 <= int(text) <= 599):
        raise ArgumentTypeError(f"{text!r} is not a status from 200 to 599.")
    return int(text)


def _checked(secret: str) -> str:
    try:
        Webhook(secret)
    except (RuntimeError, ValueError) as error:
        raise CommandError("Set WEBHOOK_SECRET or --secret to whsec_ and base64.") from error
    return secret


def _server(host: str, port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((host, port), Receiver)
    except (OSError, OverflowError) as error:
        raise CommandError(f"Cannot listen on {host}:{port}: {error}") from error
