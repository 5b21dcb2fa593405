from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from standardwebhooks import Webhook

from webhooks import services
from webhooks.models import Delivery
from webhooks.tests.conftest import Answer

SECONDS = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def deliver_at(moment):
    with time_machine.travel(moment):
        return services.deliver_due()


def wait_after(attempt):
    """Seconds from the last attempt to the next."""
    stands = Delivery.objects.get()
    return (stands.next_attempt_at - stands.attempts.get(number=attempt).started_at).total_seconds()


@pytest.mark.parametrize("status", [300, 400, 404, 500, 503])
def test_anything_but_2xx_is_tried_again_within_seconds(
    status, receive, subscribe, publish, one_delivery
):
    subscribe(receive(Answer(status)))
    publish()

    services.deliver_due()

    assert one_delivery().status == "failed"
    assert 5 <= wait_after(1) <= 5.5


def test_the_ladder_of_retries_is_the_contracts(receive, subscribe, publish, one_delivery):
    receiver = receive(Answer(500))
    subscribe(receiver)
    publish()
    services.deliver_due()

    waits = []
    while (due := one_delivery().next_attempt_at) is not None:
        waits.append(wait_after(one_delivery().attempt_count))
        deliver_at(due)

    assert [s <= w <= 1.1 * s for s, w in zip(SECONDS, waits, strict=True)] == [True] * 9
    assert (one_delivery().status, len(receiver.got)) == ("exhausted", 10)


def test_every_attempt_sends_the_same_id_and_bytes(receive, subscribe, publish, one_delivery):
    receiver = receive(Answer(500), Answer(500), Answer())
    subscribe(receiver)
    event = publish()
    services.deliver_due()

    while due := one_delivery().next_attempt_at:
        deliver_at(due)

    assert len(receiver.got) == 3
    assert len({body for _, _, body in receiver.got}) == 1
    assert {h["webhook-id"] for _, h, _ in receiver.got} == {str(event.id)}


def test_every_attempt_is_signed_for_its_own_moment(receive, subscribe, publish, one_delivery):
    receiver = receive(Answer(500), Answer())
    endpoint = subscribe(receiver)
    publish()
    services.deliver_due()
    later = one_delivery().next_attempt_at + timedelta(hours=1)

    deliver_at(later)

    _, headers, body = receiver.got[1]
    with time_machine.travel(later):
        assert Webhook(endpoint.secret).verify(body, headers)


def test_nothing_is_sent_before_its_time(receive, subscribe, publish):
    receiver = receive(Answer(500))
    subscribe(receiver)
    publish()
    services.deliver_due()

    assert services.deliver_due() == 0
    assert len(receiver.got) == 1


def test_retry_after_is_honoured(receive, subscribe, publish):
    subscribe(receive(Answer(429, {"Retry-After": "3600"})))
    publish()

    services.deliver_due()

    assert 3600 <= wait_after(1) <= 3601


def test_a_retry_after_of_years_waits_a_day(receive, subscribe, publish):
    subscribe(receive(Answer(503, {"Retry-After": "9" * 30})))
    publish()

    services.deliver_due()

    assert wait_after(1) == 86400


@pytest.mark.parametrize("text", ["soon", "-5", "1e9", "٣"])
def test_a_retry_after_without_sense_is_no_answer(text, receive, subscribe, publish):
    encoded = text.encode().decode("latin-1")
    subscribe(receive(Answer(503, {"Retry-After": encoded})))
    publish()

    services.deliver_due()

    assert 5 <= wait_after(1) <= 5.5
