"""Real workers: one killed between the POST and its record, and a broker that forgets."""

from __future__ import annotations

import os
import signal
import time

import time_machine
from django.db import connection, transaction
from django.utils import timezone

from foundation import broker
from webhooks import claiming, services
from webhooks.models import Attempt, Delivery
from webhooks.tests.conftest import Answer

DEADLINE = 60
EVENTS = 60
WORKER = ("worker", "-P", "threads", "-c", "2")
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"


def wait_until(condition, *processes):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "\n".join(process.tail() for process in processes)
        time.sleep(0.05)


def is_somebody_waiting_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [connection.settings_dict["NAME"]])
        return bool(cursor.fetchone()[0])


def accept_slowly(handler):
    handler.server.is_over.wait(DEADLINE)


def test_a_worker_killed_between_the_post_and_its_record_is_followed_by_another(
    receive, subscribe, publish, start_celery
):
    receiver = receive(Answer(200, body=accept_slowly))
    subscribe(receiver)
    event = publish()
    worker = start_celery(*WORKER)
    wait_until(lambda: receiver.got, worker)
    with transaction.atomic():
        Delivery.objects.select_for_update().get()
        receiver.is_over.set()
        wait_until(is_somebody_waiting_for_a_lock, worker)  # to record that it was accepted
        os.kill(worker.pid, signal.SIGKILL)
        worker.stop()
    lost = Delivery.objects.get().status

    with time_machine.travel(timezone.now() + claiming.LEASE):
        services.deliver_due()

    (_, first, body), (_, second, again) = receiver.got
    assert (lost, Delivery.objects.get().status) == ("pending", "delivered")
    assert first["webhook-id"] == second["webhook-id"] == str(event.id)
    assert body == again
    assert [attempt.number for attempt in Attempt.objects.all()] == [2]


def test_all_arrive_though_the_broker_forgets(
    receive, subscribe, publish, impatient_beat, start_celery
):
    receivers = [receive(), receive()]
    for receiver in receivers:
        subscribe(receiver)
    processes = [start_celery("beat", "--schedule", os.devnull), start_celery(*WORKER)]
    published = set()

    for number in range(EVENTS):
        published.add(str(publish().id))
        if number % 10 == 5:
            broker.client().flushdb()
        time.sleep(0.05)
    wait_until(lambda: all(len(r.got) >= EVENTS for r in receivers), *processes)

    for receiver in receivers:
        assert {headers["webhook-id"] for _, headers, _ in receiver.got} == published
        assert len(receiver.got) == EVENTS
