from __future__ import annotations

import asyncio
import json
import threading
import time
from datetime import timedelta

import time_machine
from django.db import connection, transaction
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from webhooks import claiming, delivery, egress, posting, services
from webhooks.models import Attempt, Delivery
from webhooks.tests.conftest import Answer

LEASE_OVER = timedelta(seconds=31)


def deliver_at(moment):
    with time_machine.travel(moment):
        return services.deliver_due()


def deliver_and_close():
    try:
        services.deliver_due()
    finally:
        connection.close()


def claim_and_send(endpoint, now):
    (claimed,) = claiming.claim(endpoint.id, 1, now)
    body, headers = delivery.signed(claiming.read([claimed])[claimed.id], [endpoint.secret], now)

    async def send():
        async with posting.client() as post:
            return await post(endpoint.url, body=body, headers=headers)

    return delivery.Outcome(claimed, asyncio.run(send()), now)


def wait_until(condition):
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_2xx_is_a_delivery(receive, subscribe, publish, one_delivery):
    subscribe(receive(Answer(204, body=b"")))
    publish()

    assert services.deliver_due() == 1

    assert (one_delivery().status, one_delivery().next_attempt_at) == ("delivered", None)
    assert one_delivery().attempts.get().response_status == 204


def test_a_delivered_event_is_not_sent_again(receive, subscribe, publish, now):
    receiver = receive()
    subscribe(receiver)
    publish()
    services.deliver_due()

    deliver_at(now + timedelta(days=2))

    assert len(receiver.got) == 1


def test_what_is_sent_verifies_with_the_endpoints_secret(receive, subscribe, publish):
    receiver = receive()
    endpoint = subscribe(receiver)
    event = publish()

    services.deliver_due()

    _, headers, body = receiver.got[0]
    sent = Webhook(endpoint.secret).verify(body, headers)
    assert (sent["id"], sent["type"], sent["sequence"]) == (str(event.id), event.type, 1)
    assert sent["data"] == {"amount": "19.99", "text": "grüße 🎈 \u2028"}
    assert headers["Content-Type"] == "application/json"


def test_operator_endpoints_are_signed_with_the_setting(receive, publish, settings):
    receiver = receive()
    settings.WEBHOOK_URLS = [receiver.url]
    services.sync_operator_endpoints()
    publish()

    services.deliver_due()

    _, headers, body = receiver.got[0]
    assert Webhook(settings.WEBHOOK_SECRET).verify(body, headers)


def test_a_410_disables_the_endpoint(receive, subscribe, publish):
    endpoint = subscribe(receive(Answer(410)))
    publish()

    services.deliver_due()

    endpoint.refresh_from_db()
    assert (endpoint.is_active, "410" in endpoint.disabled_reason) == (False, True)
    waiting = Delivery.objects.get(endpoint=endpoint)
    assert (waiting.status, waiting.next_attempt_at is not None) == ("failed", True)


def test_after_a_410_nothing_more_is_sent_there_and_others_are_told(receive, subscribe, publish):
    gone, fine = receive(Answer(410)), receive()
    subscribe(gone)
    subscribe(fine)
    for _ in range(3):
        publish()

    services.deliver_due()

    services.deliver_due()

    types = [json.loads(body)["type"] for _, _, body in fine.got]
    assert (len(gone.got), len(fine.got)) == (1, 4)
    assert types[-1] == "endpoint.disabled"


def test_two_runs_at_once_send_each_delivery_once(receive, subscribe, publish):
    receiver, barrier = receive(), threading.Barrier(3)
    subscribe(receiver)
    expected = {str(publish().id) for _ in range(12)}
    counts = []

    def run():
        try:
            barrier.wait()
            counts.append(services.deliver_due())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    got = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert (sorted(got), sum(counts)) == (sorted(expected), 12)


def test_a_sender_killed_after_its_post_is_followed_by_another(receive, subscribe, publish, now):
    receiver = receive()
    endpoint = subscribe(receiver)
    publish()
    claim_and_send(endpoint, now)  # and no record: it died

    assert deliver_at(now + timedelta(seconds=1)) == 0
    assert deliver_at(now + LEASE_OVER) == 1

    (_, first, body), (_, second, again) = receiver.got
    assert (first["webhook-id"], body) == (second["webhook-id"], again)


def test_an_answer_that_comes_after_the_lease_changes_nothing(receive, subscribe, publish, now):
    endpoint = subscribe(receive())
    publish()
    outcome = claim_and_send(endpoint, now)
    deliver_at(now + LEASE_OVER)

    with transaction.atomic():
        delivery.record(endpoint.id, [outcome])

    assert [attempt.number for attempt in Attempt.objects.all()] == [2]


def hang(handler):
    handler.server.is_over.wait(5)


def test_a_slow_endpoint_does_not_delay_another(receive, subscribe, publish, monkeypatch):
    monkeypatch.setattr(egress, "TIMEOUT", 3.0)  # ample for the other on a busy machine
    slow, fine = receive(Answer(body=hang)), receive()
    subscribe(slow)
    subscribe(fine)
    for _ in range(3):
        publish()
    run = threading.Thread(target=deliver_and_close)

    run.start()
    wait_until(lambda: len(fine.got) == 3)

    assert run.is_alive()
    run.join()


def test_a_run_tries_an_endpoint_that_hangs_only_once(receive, subscribe, publish, short_timeout):
    slow = receive(Answer(body=hang))
    subscribe(slow)
    for _ in range(3):
        publish()

    services.deliver_due()

    assert len(slow.got) == 1


def test_a_run_says_in_one_line_what_it_tried(receive, subscribe, publish):
    subscribe(receive())
    publish()
    publish()
    with capture_logs() as lines:
        services.deliver_due()

    (line,) = [line for line in lines if line["event"] == "webhooks.run_finished"]
    assert line["tried"] == 2
