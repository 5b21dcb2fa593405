"""Events, their signed delivery, and what survives a kill."""

from __future__ import annotations

import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox, start

SECRET = "whsec_test"
PAID: Any = {
    "amount": 1000,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
}


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent; answers with the next of `statuses`, then with 200."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Delivered)
        self.got: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hooks?from=stripe"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def types(self) -> list[str]:
        return [self.event(index).type for index in range(len(self.got))]

    def event(self, index: int) -> stripe.Event:
        payload, signature = self.got[index]
        event: stripe.Event = stripe.Webhook.construct_event(payload, signature, SECRET)
        return event

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class Delivered(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        payload = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append((payload, self.headers["Stripe-Signature"]))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


@pytest.fixture
def sandbox(receiver: Receiver) -> Iterator[Sandbox]:
    with start(webhook_url=receiver.url, webhook_secret=SECRET) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> stripe.V1Services:
    return client_for(sandbox)


def client_for(sandbox: Sandbox) -> stripe.V1Services:
    client = stripe.StripeClient(
        "sk_test_sandbox", base_addresses={"api": sandbox.url}, max_network_retries=0
    )
    return client.v1


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


def test_events_arrive_signed_and_in_order(api: stripe.V1Services, receiver: Receiver) -> None:
    intent = api.payment_intents.create(PAID)
    wait_until(lambda: len(receiver.got) == 3)

    assert receiver.types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]
    last: Any = receiver.event(2)
    assert last.data.object["id"] == intent.id
    assert last.data.object["amount_received"] == 1000
    assert "_sandbox" not in receiver.got[2][0]


def test_a_tampered_event_does_not_verify(api: stripe.V1Services, receiver: Receiver) -> None:
    api.customers.create({"name": "A"})
    wait_until(lambda: receiver.got)
    payload, signature = receiver.got[0]

    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload + " ", signature, SECRET)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload, signature, "whsec_other")


def test_a_refused_event_is_sent_again(api: stripe.V1Services, receiver: Receiver) -> None:
    receiver.statuses = [500, 503]

    api.customers.create({"name": "A"})
    wait_until(lambda: len(receiver.got) == 3)

    assert len({receiver.event(index).id for index in range(3)}) == 1
    wait_until(lambda: api.events.list().data[0].pending_webhooks == 0)


def test_an_event_is_resent_on_request(
    sandbox: Sandbox, api: stripe.V1Services, receiver: Receiver
) -> None:
    api.customers.create({"name": "A"})
    wait_until(lambda: receiver.got)

    sandbox.resend(receiver.event(0).id)
    wait_until(lambda: len(receiver.got) == 2)

    assert receiver.event(1).id == receiver.event(0).id


def test_events_are_listed_by_type(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    with pytest.raises(stripe.CardError):
        api.payment_intents.create(PAID | {"payment_method": "pm_card_chargeDeclined"}, key)

    failed = api.events.list({"type": "payment_intent.payment_failed"}).data
    charges = api.events.list({"type": "charge.*"}).data
    two = api.events.list({"types": ["charge.failed", "payment_intent.created"]}).data

    request: Any = failed[0].request
    assert len(failed) == 1
    assert request.idempotency_key == key["idempotency_key"]
    assert api.events.retrieve(failed[0].id).type == "payment_intent.payment_failed"
    assert [event.type for event in charges] == ["charge.failed"]
    assert [event.type for event in two] == ["charge.failed", "payment_intent.created"]


def test_every_change_of_a_method_is_an_event(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer})
    api.payment_methods.detach(method.id)

    latest: Any = api.events.list({"limit": 3}).data

    assert [event.type for event in latest] == [
        "payment_method.detached",
        "payment_method.attached",
        "customer.created",
    ]
    assert latest[0].data.previous_attributes["customer"] == customer


def test_a_replay_makes_no_event(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    for _ in range(3):
        api.payment_intents.create(PAID, key)

    assert len(api.events.list().data) == 3


def test_a_killed_sandbox_forgets_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    nobody = f"http://127.0.0.1:{port}/hooks?from=stripe"
    options: Any = {"state": tmp_path / "state", "webhook_url": nobody, "webhook_secret": SECRET}
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    with start(**options) as first:
        first.advance_clock(1000)
        paid = client_for(first).payment_intents.create(PAID, key)
        first.stop(signal.SIGKILL)

    receiver = Receiver(port)
    try:
        with start(**options) as second:
            api = client_for(second)
            wait_until(lambda: len(receiver.got) == 3)
            assert api.payment_intents.retrieve(paid.id).status == "succeeded"
            assert api.payment_intents.create(PAID, key).id == paid.id
            assert second.summary()["payment_intents"] == {"succeeded": 1}
            assert second.advance_clock(0) >= paid.created
            assert len(api.events.list().data) == 3
    finally:
        receiver.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_at_once_even_while_it_hangs(number: int) -> None:
    running = start()
    running.fault("hang_after", method="GET", hang_seconds=60)
    hung = socket.create_connection(("127.0.0.1", int(running.url.rpartition(":")[2])))
    hung.sendall(b"GET /v1/events HTTP/1.1\r\n\r\n")
    wait_until(lambda: running.faults()[0]["hits"])
    begun = time.monotonic()

    running.stop(number)

    hung.close()
    assert running.process.returncode == 0
    assert time.monotonic() - begun < 2


def test_it_ends_when_its_parent_is_gone() -> None:
    running = start()
    assert running.process.stdin is not None

    running.process.stdin.close()

    assert running.process.wait(5) == 0
    running.stop()
