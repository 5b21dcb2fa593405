"""What was written under a clock that was ahead does not wait until that clock would have it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from webhooks import claiming, services
from webhooks.models import Delivery, Endpoint
from webhooks.tests.conftest import Answer

AHEAD = timedelta(hours=6)


def test_a_lease_under_a_clock_that_was_ahead_is_over(receive, subscribe, publish, now):
    receiver = receive()
    endpoint = subscribe(receiver)
    publish()
    claiming.claim(endpoint.id, 1, now + AHEAD)

    services.deliver_due()

    assert len(receiver.got) == 1


def test_the_lease_of_a_retry_under_a_clock_that_was_ahead_is_over(
    receive, subscribe, publish, now
):
    receiver = receive(Answer(500), Answer())
    endpoint = subscribe(receiver)
    publish()
    services.deliver_due()
    claiming.claim(endpoint.id, 1, now + AHEAD)

    services.deliver_due()

    assert (len(receiver.got), Delivery.objects.get().status) == (2, "delivered")


def test_what_was_published_under_a_clock_that_was_ahead_is_due(receive, subscribe, publish, now):
    receiver = receive()
    subscribe(receiver)
    publish(at=now + AHEAD)

    services.deliver_due()

    assert len(receiver.got) == 1


@pytest.mark.parametrize(("ahead", "sent"), [(timedelta(days=3), 2), (timedelta(hours=12), 1)])
def test_a_step_of_the_ladder_ends_within_the_ladder(receive, subscribe, publish, ahead, sent):
    receiver = receive(Answer(500), Answer())
    subscribe(receiver)
    publish()
    services.deliver_due()
    Delivery.objects.update(next_attempt_at=timezone.now() + ahead)

    services.deliver_due()

    assert len(receiver.got) == sent


def test_a_rest_under_a_clock_that_was_ahead_is_over(receive, subscribe, publish, now):
    receiver = receive()
    subscribe(receiver)
    publish()
    Endpoint.objects.update(failing_since=now, failures=9, rests_until=now + AHEAD)

    services.deliver_due()

    assert len(receiver.got) == 1


def test_a_lease_that_runs_is_left_alone(receive, subscribe, publish, now):
    receiver = receive()
    endpoint = subscribe(receiver)
    publish()
    claiming.claim(endpoint.id, 1, now)

    assert services.deliver_due() == 0
