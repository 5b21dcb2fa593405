"""One slow, failing or dead endpoint delays no other, and takes a bounded share of senders."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from webhooks import delivery, services
from webhooks.models import Delivery, Endpoint
from webhooks.tests.conftest import Answer

EVENTS = 40


def hang(request):
    request.server.is_over.wait(10)


def later(seconds):
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds))


def in_background(call):
    def run():
        try:
            call()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def ten(receive, subscribe):
    """Seven healthy endpoints; one hangs, one answers 500, one is not there."""
    healthy = [receive() for _ in range(7)]
    hanging, broken = receive(Answer(body=hang)), receive(Answer(500))
    for receiver in [*healthy, hanging, broken, "http://127.0.0.1:1/"]:
        subscribe(receiver)
    return healthy, hanging, broken


def test_the_healthy_have_all_theirs_while_another_hangs(ten, publish):
    healthy, hanging, broken = ten
    for _ in range(EVENTS):
        publish()
    began = time.monotonic()

    run = in_background(services.deliver_due)
    while any(len(receiver.got) < EVENTS for receiver in healthy):
        assert time.monotonic() < began + 8 + EVENTS / 20, "the healthy wait"
        time.sleep(0.01)
    still_hangs, tried = run.is_alive(), (len(hanging.got), len(broken.got))
    hanging.is_over.set()
    run.join(30)

    assert still_hangs
    assert tried == (1, delivery.BEFORE_REST)


def test_runs_at_once_take_one_thread_for_an_endpoint_that_fails(receive, subscribe, publish):
    hanging = receive(Answer(body=hang))
    endpoint = subscribe(hanging)
    Endpoint.objects.filter(id=endpoint.id).update(failing_since=timezone.now(), failures=5)
    for _ in range(5):
        publish()

    runs = [in_background(services.deliver_due) for _ in range(4)]
    deadline = time.monotonic() + 5
    while not hanging.got and time.monotonic() < deadline:
        time.sleep(0.01)
    for run in runs:
        run.join(0.3)
    tried = len(hanging.got)
    hanging.is_over.set()
    for run in runs:
        run.join(20)

    assert tried == 1


def test_a_failing_endpoint_rests_longer_and_longer(receive, subscribe, publish):
    receiver = receive(Answer(500))
    endpoint = subscribe(receiver)
    for _ in range(20):
        publish()

    services.deliver_due()
    tried = [len(receiver.got)]
    for seconds in (7, 9, 20, 26, 60):
        with later(seconds):
            services.deliver_due()
        tried.append(len(receiver.got))

    endpoint.refresh_from_db()
    assert tried == [3, 3, 4, 4, 5, 6]
    assert endpoint.rests_until > timezone.now()


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0), (2, 0), (3, 8), (4, 16), (8, 256), (9, 300), (5000, 300)]
)
def test_rests_grow_to_five_minutes(failures, seconds):
    assert delivery.rest(failures) == timedelta(seconds=seconds)


def test_what_waits_while_it_rests_loses_no_attempt(receive, subscribe, publish):
    receiver = receive(*[Answer(500)] * 3, Answer(200))
    subscribe(receiver)
    for _ in range(6):
        publish()
    services.deliver_due()
    waiting = Delivery.objects.filter(attempt_count=0).count()

    with later(400):
        services.deliver_due()

    assert waiting == 3
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    endpoint = Endpoint.objects.get()
    assert (endpoint.failures, endpoint.failing_since, endpoint.rests_until) == (0, None, None)
