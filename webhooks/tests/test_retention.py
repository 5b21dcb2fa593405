"""Old deliveries that have ended go with their attempts; what is owed stays, and so do events."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from webhooks import services
from webhooks.models import Attempt, Delivery, Event
from webhooks.tests.conftest import Answer


@pytest.fixture
def sent_long_ago(receive, subscribe, publish):
    """A delivery that ended 91 days ago, and one that is still owed since then."""
    with time_machine.travel(timezone.now() - timedelta(days=91)):
        subscribe(receive(Answer(200), Answer(500)))
        publish(at=timezone.now()), publish(at=timezone.now())
        services.deliver_due()
    assert Attempt.objects.count() == 2


def test_what_ended_long_ago_is_gone_with_its_attempts(sent_long_ago):
    assert services.prune(now=timezone.now()) == 1

    (owed,) = Delivery.objects.all()
    assert owed.status == "failed"
    assert set(Attempt.objects.values_list("delivery", flat=True)) == {owed.id}


def test_events_stay(sent_long_ago, api):
    services.prune(now=timezone.now())

    assert Event.objects.count() == 2
    assert len(api.get("/events").json()["results"]) == 2


def test_what_ended_lately_stays(receive, subscribe, publish):
    subscribe(receive())
    publish()
    services.deliver_due()

    assert services.prune(now=timezone.now() + timedelta(days=89)) == 0
    assert services.prune(now=timezone.now() + timedelta(days=91)) == 1


def test_an_old_event_that_was_replayed_lately_keeps_its_delivery(receive, subscribe, publish):
    with time_machine.travel(timezone.now() - timedelta(days=100)):
        publish(at=timezone.now())
    endpoint = subscribe(receive())
    since = timezone.now() - timedelta(days=200)
    services.replay_window(endpoint=endpoint, since=since, until=timezone.now(), now=timezone.now())
    services.deliver_due()

    assert services.prune(now=timezone.now()) == 0


def test_the_setting_says_how_long(sent_long_ago, settings):
    settings.WEBHOOK_RETENTION = timedelta(days=92)

    assert services.prune(now=timezone.now()) == 0


def test_pruning_costs_the_same_statements_for_1_and_30(receive, subscribe, publish):
    costs = []
    subscribe(receive())
    for count in (1, 30):
        for _ in range(count):
            publish()
        services.deliver_due()
        with CaptureQueriesContext(connection) as captured:
            assert services.prune(now=timezone.now() + timedelta(days=91)) == count
        costs.append(len(captured))

    assert costs[0] == costs[1]
