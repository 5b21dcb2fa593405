"""The feed of events: everything once, in an order in which nothing ever comes in between."""

from __future__ import annotations

import json
import threading
import time
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from webhooks import events
from webhooks.models import Event
from webhooks.tests.conftest import BY

START = str(UUID(int=0))


@pytest.fixture
def read(api):
    """`read(after=…)`: the ids of a page of the feed."""

    def read(**query):
        answer = api.get("/events", **query)
        assert answer.status_code == 200, answer.json()
        return [event["id"] for event in answer.json()["results"]]

    return read


def settled():
    """All events so far are in the feed: no transaction of the whole cluster, of tests beside this
    one too, is older than theirs.
    """
    deadline = time.monotonic() + 30
    while Event.objects.after(None).count() < Event.objects.count():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_event_is_shown_as_it_was_sent(api, publish):
    event = publish(data={"amount": "19.99"})

    shown = api.get(f"/events/{event.id}").json()

    assert shown == {
        "id": str(event.id), "type": "wallet.credited", "sequence": 1, "data": {"amount": "19.99"},
        "created_at": shown["created_at"],
    }  # fmt: skip
    assert shown == api.get("/events").json()["results"][0]


def test_without_after_it_is_a_list_newest_first_with_filters(api, publish):
    first, second = publish(), publish("charge.failed")

    listed = [event["id"] for event in api.get("/events").json()["results"]]
    failed = api.get("/events", type="charge.failed").json()["results"]
    of_one = api.get("/events", resource_id=str(first.resource_id)).json()["results"]

    assert listed == [str(second.id), str(first.id)]
    assert ([e["id"] for e in failed], [e["id"] for e in of_one]) == (
        [str(second.id)], [str(first.id)],
    )  # fmt: skip


def test_with_after_it_goes_on_from_there_oldest_first(publish, read):
    made = [str(publish().id) for _ in range(5)]
    settled()

    assert read(after=START) == made
    assert read(after=made[1]) == made[2:]
    assert read(after=made[-1]) == []


def test_following_the_links_sees_everything_once(api, publish):
    made = [str(publish().id) for _ in range(7)]
    settled()
    seen, link = [], f"/events?after={START}&limit=3"
    while page := api.get(link).json():
        seen += [event["id"] for event in page["results"]]
        if not page["results"]:
            break
        link = "/events?" + urlsplit(page["next"]).query

    assert seen == made
    assert page["next"].endswith(f"after={made[-1]}&limit=3")
    later = publish()
    settled()
    assert [e["id"] for e in api.get(link).json()["results"]] == [str(later.id)]


def test_an_event_that_is_committed_late_is_not_missed(partner, publish, read):
    """Its id is older than that of one which was committed, and could have been read, before."""
    fact = events.Fact(partner.id, "wallet.credited", uuid4(), {})
    written, may_commit = threading.Event(), threading.Event()

    def slow():
        with transaction.atomic(durable=True):
            events.publish([fact], by=BY, now=timezone.now())
            written.set()
            assert may_commit.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(10)
    fast = str(publish().id)
    before = read(after=START)
    may_commit.set()
    thread.join(10)
    settled()

    everything = read(after=START)
    assert before == []
    assert len(everything) == 2
    assert set(everything) == {fast, str(Event.objects.get(resource_id=fact.resource_id).id)}


def test_another_partners_events_are_not_there(api, publish, other_partner, read):
    theirs = publish(owner=other_partner)
    settled()

    assert read(after=START) == []
    assert api.get(f"/events/{theirs.id}").status_code == 404
    assert api.get("/events", after=str(theirs.id)).status_code == 404


@pytest.mark.parametrize("after", ["", "x", "%00", "7"])
def test_after_is_an_id(api, after):
    assert api.get("/events", after=after).status_code == 400


def test_a_wrong_limit_or_filter_is_refused_in_the_feed_too(api):
    wrong = [{"limit": 101}, {"kind": "x"}]

    assert {api.get("/events", after=START, **query).status_code for query in wrong} == {400}


def test_the_feed_takes_filters(publish, read):
    publish()
    failed = publish("charge.failed")
    settled()

    assert read(after=START, type="charge.failed") == [str(failed.id)]
    assert json.loads(failed.data)
