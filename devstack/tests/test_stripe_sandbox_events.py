"""Events, their signed delivery, and what survives a kill."""

from __future__ import annotations

import signal
import socket
import sqlite3
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


def test_types_are_whole_names_and_at_most_twenty(api: stripe.V1Services) -> None:
    api.customers.create({"name": "A"})

    assert api.events.list({"types": ["customer.*"]}).data == []
    with pytest.raises(stripe.InvalidRequestError):
        api.events.list({"types": [f"customer.{number}" for number in range(21)]})
    with pytest.raises(stripe.InvalidRequestError):
        api.events.list({"type": "customer.created", "types": ["customer.created"]})


def test_events_are_listed_by_the_time_of_their_creation(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    for _ in range(3):
        api.customers.create({})
        sandbox.advance_clock(100)
    times = [event.created for event in api.events.list().data]

    def listed(**created: int) -> list[int]:
        params: Any = {"created": created}
        return [event.created for event in api.events.list(params).data]

    assert listed(gte=times[1]) == times[:2]
    assert listed(gt=times[1]) == times[:1]
    assert listed(lte=times[1]) == times[1:]
    assert listed(gte=times[2], lt=times[1]) == times[2:]


def test_events_are_paged_by_their_ids_both_ways(api: stripe.V1Services) -> None:
    for _ in range(5):
        api.customers.create({})
    ids = [event.id for event in api.events.list().data]

    below = api.events.list({"limit": 2, "starting_after": ids[1]})
    above = api.events.list({"limit": 2, "ending_before": ids[4]})

    assert ([e.id for e in below.data], below.has_more) == (ids[2:4], True)
    assert ([e.id for e in above.data], above.has_more) == (ids[2:4], True)


def test_events_are_kept_for_thirty_days(sandbox: Sandbox, api: stripe.V1Services) -> None:
    api.customers.create({"name": "old"})
    old = api.events.list().data[0]
    sandbox.advance_clock(30 * 86400 + 2)
    api.customers.create({"name": "new"})

    assert old.id not in [event.id for event in api.events.list().data]
    assert len(api.events.list().data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        api.events.retrieve(old.id)
    for cursor in ("starting_after", "ending_before"):
        params: Any = {cursor: old.id}
        with pytest.raises(stripe.InvalidRequestError) as refused:
            api.events.list(params)
        assert (refused.value.http_status, refused.value.code) == (400, "resource_missing")


def test_an_event_has_the_fields_that_stripe_publishes(api: stripe.V1Services) -> None:
    api.customers.create({"name": "A"})

    page = api.events.list()

    assert set(page.to_dict()) == {"object", "data", "has_more", "url"}
    assert (page.object, page.url) == ("list", "/v1/events")  # type: ignore[attr-defined]
    assert set(page.data[0].to_dict()) == {
        "id", "object", "api_version", "created", "data", "livemode", "pending_webhooks",
        "request", "type",
    }  # fmt: skip


def test_undelivered_events_are_listed_apart(
    sandbox: Sandbox, api: stripe.V1Services, receiver: Receiver
) -> None:
    api.customers.create({"name": "taken"})
    wait_until(lambda: api.events.list().data[0].pending_webhooks == 0)
    receiver.statuses = [500] * 99
    api.customers.create({"name": "refused"})
    wait_until(lambda: len(receiver.got) > 1)

    refused = api.events.list({"delivery_success": False}).data
    taken = api.events.list({"delivery_success": True}).data

    names = [[event.data.object["name"] for event in listed] for listed in (refused, taken)]
    assert names == [["refused"], ["taken"]]


def test_an_event_that_is_given_up_was_not_delivered(
    sandbox: Sandbox, api: stripe.V1Services, receiver: Receiver
) -> None:
    receiver.statuses = [500] * 99
    api.customers.create({"name": "A"})
    wait_until(lambda: receiver.got)
    sandbox.advance_clock(3 * 86400 + 2)
    wait_until(lambda: _is_quiet(receiver), 10)

    assert api.events.list().data[0].pending_webhooks == 1


def _is_quiet(receiver: Receiver) -> bool:
    """Longer than the wait that was next."""
    count = len(receiver.got)
    time.sleep(2 * sum(0.2 * 2**n for n in range(count))) if count < 4 else time.sleep(3)
    return len(receiver.got) == count


def test_a_listener_that_was_away_gets_everything_at_once_and_in_order(tmp_path: Path) -> None:
    port = _free_port()
    options: Any = {"webhook_url": f"http://127.0.0.1:{port}/", "webhook_secret": SECRET}
    with start(**options) as sandbox:
        api = client_for(sandbox)
        made = [api.customers.create({}).id for _ in range(200)]
        time.sleep(3)
        receiver = Receiver(port)
        try:
            wait_until(lambda: len(receiver.got) == 200, 8)
            objects: Any = [receiver.event(index).data.object for index in range(200)]
        finally:
            receiver.close()

    assert [item["id"] for item in objects] == made


def test_an_absent_listener_is_told_of_in_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{_free_port()}/"
    with start(webhook_url=url, webhook_secret=SECRET, log_level="info") as sandbox:
        for _ in range(20):
            client_for(sandbox).customers.create({})
        time.sleep(1)

    lines = [line for line in capfd.readouterr().err.splitlines() if "webhook" in line]
    assert [line.partition(" stripe-sandbox ")[2] for line in lines] == [
        f"webhooks wait until {url} answers"
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port: int = reserved.getsockname()[1]
    return port


def test_what_a_listener_refused_before_a_kill_is_tried_at_once_after_it(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.statuses = [500] * 5
    options: Any = {
        "state": tmp_path / "state", "webhook_url": receiver.url, "webhook_secret": SECRET,
    }  # fmt: skip
    try:
        with start(**options) as first:
            client_for(first).customers.create({})
            wait_until(lambda: len(receiver.got) == 5, 10)  # the next try is in 3 s
            first.stop(signal.SIGKILL)
        with start(**options):
            wait_until(lambda: len(receiver.got) == 6, 2)
    finally:
        receiver.close()


def test_a_kill_leaves_no_half_of_anything(tmp_path: Path) -> None:
    state = tmp_path / "state"
    nobody = f"http://127.0.0.1:{_free_port()}/"
    paid: list[str] = []
    for _ in range(3):
        with start(state=state, webhook_url=nobody, webhook_secret=SECRET) as running:
            api = client_for(running)
            began = len(paid)
            killer = threading.Thread(target=_kill_when, args=(running, paid, began + 5))
            killer.start()
            with pytest.raises(stripe.APIConnectionError):
                while True:
                    paid.append(api.payment_intents.create(PAID).id)
            killer.join()

    with start(state=state, webhook_url=nobody, webhook_secret=SECRET) as running:
        api = client_for(running)
        events = list(api.events.list({"limit": 100}).auto_paging_iter())
        intents = list(api.payment_intents.list({"limit": 100}).auto_paging_iter())
        charges = list(api.charges.list({"limit": 100}).auto_paging_iter())
    with sqlite3.connect(state) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {intent.id for intent in intents} >= set(paid)
    assert {charge.payment_intent for charge in charges} == {intent.id for intent in intents}
    assert len(events) == 3 * len(intents)
    assert {event.pending_webhooks for event in events} == {1}


def _kill_when(running: Sandbox, paid: list[str], count: int) -> None:
    wait_until(lambda: len(paid) >= count, 20)
    running.process.kill()


def test_a_replay_makes_no_event(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    for _ in range(3):
        api.payment_intents.create(PAID, key)

    assert len(api.events.list().data) == 3


def test_a_killed_sandbox_forgets_nothing(tmp_path: Path) -> None:
    port = _free_port()
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
