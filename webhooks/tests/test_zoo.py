"""Receivers as they are met in the wild, each beside a healthy one.

Nothing is lost: when the animal is well again it gets all that it was owed, and the healthy one was
never kept waiting. What stands on the log is part of the contract (reliability of deliveries).
"""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from webhooks import services
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.tests.conftest import Answer

EVENTS = 3
GIB = 1024**3


def drip(handler):
    while not handler.server.is_over.wait(0.05):
        handler.wfile.write(b".")


def never_close(handler):
    handler.wfile.write(b"thanks")
    handler.server.is_over.wait(30)


def flood(handler):
    handler.server.sent = 0
    while handler.server.sent < GIB:
        handler.server.sent += handler.connection.send(b"x" * 1024 * 1024)


# What it answers, how many of three deliveries a run tries, what the log shows of the first.
ZOO = {
    "500": (Answer(500), 3, "500"),
    "429 with Retry-After": (Answer(429, {"Retry-After": "7200"}), 3, "429"),
    "301 to an internal host": (Answer(301, {"Location": "http://10.0.0.1/"}), 3, "301"),
    "one byte at a time": (Answer(200, body=drip), 1, "took too long"),
    "never closing": (Answer(200, body=never_close), 1, "took too long"),
    "1 GiB": (Answer(200, body=flood), 3, "200"),
    "410": (Answer(410), 1, "410"),
}


@pytest.fixture
def healthy(receive, subscribe):
    receiver = receive()
    subscribe(receiver)
    return receiver


def log_of(endpoint):
    attempts = Attempt.objects.filter(delivery__endpoint=endpoint).order_by("id")
    return [f"{attempt.response_status} {attempt.error}" for attempt in attempts]


def statuses_of(endpoint):
    return set(Delivery.objects.filter(endpoint=endpoint).values_list("status", flat=True))


def ids(receiver):
    return {headers["webhook-id"] for _, headers, _ in receiver.got}


@pytest.mark.parametrize("name", ZOO)
def test_an_animal_harms_nobody_and_gets_all_when_it_is_well(
    name, receive, subscribe, healthy, publish, short_timeout
):
    answer, tries, said = ZOO[name]
    animal = receive(answer)
    endpoint = subscribe(animal)
    events = {str(publish().id) for _ in range(EVENTS)}

    services.deliver_due()
    first, tried, served = log_of(endpoint)[0], len(animal.got), ids(healthy)
    animal.answers = [Answer(200)]
    if answer.status == 410:
        services.update_endpoint(endpoint=endpoint, changes={"is_active": True}, now=timezone.now())
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        services.deliver_due()

    assert said in first
    assert (tried, statuses_of(endpoint)) == (tries, {"delivered"})
    assert served >= events
    assert ids(animal) >= events


def test_a_gibibyte_is_hung_up_on(receive, subscribe, publish):
    animal = receive(Answer(200, body=flood))
    subscribe(animal)
    publish()

    services.deliver_due()

    assert Delivery.objects.get().status == "delivered"
    assert animal.sent < GIB / 16


def test_one_that_is_dead_for_five_days_is_disabled_and_gets_all_afterwards(
    receive, subscribe, healthy, publish
):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    endpoint = subscribe(f"http://127.0.0.1:{port}/hook")
    start, events = timezone.now(), set()

    for hours in range(0, 5 * 24 + 2, 6):
        with time_machine.travel(start + timedelta(hours=hours), tick=False):
            events.add(str(publish(at=timezone.now()).id))
            services.deliver_due()
    endpoint.refresh_from_db()
    was_active, told = endpoint.is_active, ids(healthy)
    Endpoint.objects.filter(id=endpoint.id).update(url=(animal := receive()).url)
    with time_machine.travel(start + timedelta(days=6)):
        services.update_endpoint(endpoint=endpoint, changes={"is_active": True}, now=timezone.now())
        services.deliver_due()

    assert not was_active
    assert told >= events
    assert ids(animal) >= events


def test_one_that_accepts_and_says_nothing_holds_nobody(subscribe, healthy, publish, short_timeout):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = subscribe(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        publish()
        services.deliver_due()

    assert (len(healthy.got), statuses_of(endpoint)) == (1, {"failed"})


def test_one_that_drips_its_tls_handshake_is_cut(subscribe, publish, short_timeout, elapsed):
    def drip_tls(server):
        client, _ = server.accept()
        with client:
            try:
                for byte in b"\x16\x03\x03\x40\x00" + bytes(100):
                    client.sendall(bytes([byte]))
                    time.sleep(0.1)
            except OSError:
                pass  # we were cut, as it should be

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip_tls, args=[server])
        thread.start()
        endpoint = subscribe(f"https://127.0.0.1:{server.getsockname()[1]}/")
        publish()
        services.deliver_due()
        took = elapsed()
        thread.join()

    assert statuses_of(endpoint) == {"failed"}
    assert took < 3
