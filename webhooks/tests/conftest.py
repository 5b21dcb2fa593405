from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction

from foundation.actors import Actor
from partners import services as partner_services
from webhooks import egress, events, services
from webhooks.models import Delivery, Endpoint, Event
from webhooks.tests import verifiers

BY = Actor("test:webhooks", "req-webhooks")


@dataclass
class Answer:
    """What a receiver says: its body may be bytes, or a function that writes what it likes."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = b"thanks"


class Receiver(ThreadingHTTPServer):
    """A partner's server on loopback: answers from a list (its last for ever), notes requests."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), _Receive)
        self.answers = list(answers) or [Answer()]
        self.is_tls = False
        self.got = []
        self.clients = set()
        self.lock = threading.Lock()
        self.is_over = threading.Event()

    @property
    def url(self):
        return f"http{'s' if self.is_tls else ''}://127.0.0.1:{self.server_port}/hook"

    def next_answer(self, request, client):
        with self.lock:
            self.got.append(request)
            self.clients.add(client)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def handle_error(self, request, client_address):
        """A sender that hangs up is what some tests are about."""


class _Receive(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = self.path, dict(self.headers.items()), body
        answer = self.server.next_answer(request, self.client_address)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if callable(answer.body):
            self.send_header("Connection", "close")
            self.end_headers()
            answer.body(self)
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST  # what a redirect that is followed becomes

    def log_message(self, format, *args):  # noqa: A002
        """Silent."""


@pytest.fixture(scope="session")
def independent():
    """The libraries that must accept each delivery of the suite."""
    libraries = [verifiers.Python(), verifiers.Node()]
    yield libraries
    for library in libraries:
        library.close()


def refused(receivers, libraries):
    """(library, request) of each signed request that no secret of its endpoint verifies."""
    return [
        (type(library).__name__, request)
        for receiver in receivers
        for request in receiver.got
        if "webhook-signature" in request[1]
        for library in libraries
        if not any(accepts(library, secret, request) for secret in secrets_at(receiver.url))
    ]


def accepts(library, secret, request):
    _, headers, body = request
    return library.accepts(secret, headers, body, int(headers["webhook-timestamp"]))


def secrets_at(url):
    endpoints = Endpoint.objects.filter(url=url, partner__isnull=False)
    return [settings.WEBHOOK_SECRET, *endpoints.values_list("secret", flat=True)]


@pytest.fixture
def receive(database, independent):
    """Starts a receiver with the answers given. In the end independent libraries must have accepted
    all that it got.
    """
    receivers = []
    with ExitStack() as running:

        def receive(*answers):
            receiver = running.enter_context(Receiver(answers))
            receivers.append(receiver)
            threading.Thread(target=receiver.serve_forever, args=[0.01], daemon=True).start()
            running.callback(receiver.shutdown)
            running.callback(receiver.is_over.set)
            return receiver

        yield receive
    with database.unblock():
        unverified = refused(receivers, independent)
        connection.close()
    assert not unverified


@pytest.fixture
def subscribe(partner, now):
    """An endpoint of the partner (or another) at a receiver."""

    def subscribe(receiver, event_types=(), owner=None):
        return services.create_endpoint(
            partner_id=(owner or partner).id,
            url=getattr(receiver, "url", receiver),
            event_types=list(event_types),
            description="",
            now=now,
        )

    return subscribe


@pytest.fixture
def other_partner(committed, now):
    return partner_services.create_partner(name="Other", now=now)


@pytest.fixture
def publish(partner, now):
    """Publishes one fact in a transaction of its own; returns the event."""

    def publish(type="wallet.credited", resource_id=None, owner=None, at=now, data=None):  # noqa: A002
        fact = events.Fact(
            partner_id=(owner or partner).id,
            type=type,
            resource_id=resource_id or uuid4(),
            data=data or {"amount": "19.99", "text": "grüße 🎈 \u2028"},
        )
        with transaction.atomic(durable=True):
            events.publish([fact], by=BY, now=at)
        return Event.objects.order_by("-id").first()

    return publish


@pytest.fixture
def one_delivery(committed):
    """The only delivery there is, as it stands now."""
    return Delivery.objects.get


@pytest.fixture
def short_timeout(monkeypatch):
    """The deadline of an exchange is 0.4 seconds."""
    monkeypatch.setattr(egress, "TIMEOUT", 0.4)


@pytest.fixture
def elapsed():
    started = time.monotonic()
    return lambda: time.monotonic() - started
