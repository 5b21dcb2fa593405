"""A name server that takes its time holds nobody but whoever asks it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from webhooks import egress, names, services
from webhooks.models import Delivery, Endpoint


@pytest.fixture
def slow_names(monkeypatch):
    """Names below `slow.example` are looked up until the test is over; notes them."""
    real, is_over, asked = socket.getaddrinfo, threading.Event(), []

    def getaddrinfo(host, port, *args, **kwargs):
        if str(host).endswith("slow.example"):
            asked.append(host)
            is_over.wait(10)
            raise socket.gaierror("at last")
        return real("127.0.0.1", port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield asked
    is_over.set()
    while names._under_way:
        time.sleep(0.01)


def test_a_registration_waits_for_a_name_no_longer_than_it_may(
    slow_names, api, monkeypatch, elapsed
):
    monkeypatch.setattr(egress, "LOOK_UP", 0.3)

    answer = api.post("/webhooks/endpoints", {"url": "https://hooks.slow.example/"})

    assert (answer.status_code, answer.json()["code"]) == (400, "url_refused")
    assert answer.json()["detail"] == "The host does not resolve in time."
    assert elapsed() < 8
    assert slow_names == ["hooks.slow.example"]


def test_a_registration_looks_a_name_up_once(api, monkeypatch):
    asked = []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    answer = api.post("/webhooks/endpoints", {"url": "https://hooks.example/"})

    assert (answer.status_code, asked.count("hooks.example")) == (201, 1)


def test_a_slow_name_delays_its_own_delivery_alone(
    slow_names, receive, subscribe, publish, short_timeout, elapsed
):
    fine = receive()
    slow = subscribe("http://127.0.0.1:9/")
    Endpoint.objects.filter(id=slow.id).update(url="http://hooks.slow.example/")
    subscribe(fine)
    publish()

    services.deliver_due()

    delivery = Delivery.objects.get(endpoint=slow)
    assert (len(fine.got), delivery.status) == (1, "failed")
    assert delivery.attempts.get().error == egress.LATE
    assert elapsed() < 8


def test_the_names_of_one_domain_keep_no_others_waiting(slow_names):
    def ask(host):
        with pytest.raises(TimeoutError):
            names.addresses(host, timeout=0.3)

    hosts = [f"h{number}.slow.example" for number in range(names.ALL_AT_ONCE)]
    threads = [threading.Thread(target=ask, args=[host]) for host in hosts]
    for thread in threads:
        thread.start()

    found = names.addresses("fine.test", timeout=2)

    for thread in threads:
        thread.join()
    assert (found, len(slow_names)) == (["127.0.0.1"], names.DOMAIN_AT_ONCE)


def test_a_name_that_is_asked_for_by_many_is_looked_up_once(slow_names):
    for _ in range(3):
        with pytest.raises(TimeoutError):
            names.addresses("one.slow.example", timeout=0.1)

    assert slow_names == ["one.slow.example"]
