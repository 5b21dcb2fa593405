"""What was sent, or should have been, is sent again: one delivery, a window, or a test."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from webhooks import delivery, services
from webhooks.models import Delivery, Endpoint, Event
from webhooks.tests.conftest import Answer


def replay(api, row):
    return api.post(f"/webhooks/{row.id}/replay")


def window(api, endpoint, since, **more):
    body = {"since": since.isoformat(), **more}
    return api.post(f"/webhooks/endpoints/{endpoint.id}/replay", body)


def test_a_delivered_one_is_sent_again_with_the_same_id_and_bytes(api, receive, subscribe, publish):
    receiver = receive()
    subscribe(receiver)
    publish()
    services.deliver_due()

    answer = replay(api, Delivery.objects.get())
    services.deliver_due()

    (_, before, first), (_, after, second) = receiver.got
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert (before["webhook-id"], first) == (after["webhook-id"], second)
    shown = api.get(f"/webhooks/{Delivery.objects.get().id}").json()
    assert (shown["status"], [a["number"] for a in shown["attempts"]]) == ("delivered", [1, 2])


def test_an_exhausted_one_has_the_whole_ladder_before_it(api, receive, subscribe, publish):
    subscribe(receive(Answer(500)))
    publish()
    Delivery.objects.update(attempt_count=10, status="exhausted", next_attempt_at=None)

    replay(api, Delivery.objects.get())
    services.deliver_due()

    row = Delivery.objects.get()
    assert (row.status, row.attempt_count) == ("failed", 11)
    assert row.next_attempt_at < timezone.now() + timedelta(seconds=2 * delivery.LADDER[0])


def test_nothing_is_replayed_to_an_endpoint_that_is_not_active(api, receive, subscribe, publish):
    endpoint = subscribe(receive())
    publish()
    Endpoint.objects.update(is_active=False)

    answers = [
        replay(api, Delivery.objects.get()),
        window(api, endpoint, timezone.now() - timedelta(days=1)),
        api.post(f"/webhooks/endpoints/{endpoint.id}/test"),
    ]

    assert {(a.status_code, a.json()["code"]) for a in answers} == {(409, "endpoint_inactive")}


def test_a_window_is_sent_again_and_what_the_endpoint_missed_for_the_first_time(
    api, receive, subscribe, publish
):
    publish()  # before there was an endpoint
    receiver = receive()
    endpoint = subscribe(receiver, ["wallet.credited"])
    publish()
    publish("charge.failed")
    services.deliver_due()

    answer = window(api, endpoint, timezone.now() - timedelta(hours=1))
    services.deliver_due()

    assert answer.json() == {"replayed": 2}
    assert len(receiver.got) == 3
    assert Delivery.objects.filter(status="delivered").count() == 2


def test_a_window_has_an_end(api, receive, subscribe, publish, now):
    endpoint = subscribe(receive())
    publish(at=now - timedelta(hours=3))
    publish(at=now - timedelta(hours=1))

    until = (now - timedelta(hours=2)).isoformat()
    answer = window(api, endpoint, now - timedelta(hours=4), until=until)

    assert answer.json() == {"replayed": 1}


def test_a_window_that_ends_before_it_begins_is_refused(api, receive, subscribe, now):
    answer = window(api, subscribe(receive()), now, until=now.isoformat())

    assert answer.json()["errors"][0]["code"] == "empty_window"


def test_a_test_goes_to_this_endpoint_alone_whatever_it_wants(api, receive, subscribe):
    picky, other = receive(), receive()
    endpoint = subscribe(picky, ["charge.failed"])
    subscribe(other)

    answer = api.post(f"/webhooks/endpoints/{endpoint.id}/test")
    services.deliver_due()

    assert (answer.status_code, answer.json()["event_type"]) == (201, "endpoint.test")
    assert (len(picky.got), len(other.got)) == (1, 0)
    assert json.loads(picky.got[0][2])["data"]["id"] == str(endpoint.id)


@pytest.mark.parametrize(
    ("wanted", "types"),
    [
        (["charge.*"], ["charge.failed", "charge.succeeded"]),
        (["charge.*", "wallet.credited"], ["charge.failed", "charge.succeeded", "wallet.credited"]),
        (["installment_order.*"], []),
        ([], ["charge.failed", "charge.succeeded", "wallet.credited"]),
    ],
)
def test_a_family_of_types_is_wanted_by_its_name(receive, subscribe, publish, wanted, types):
    subscribe(receive(), wanted)
    for name in ("charge.failed", "charge.succeeded", "wallet.credited"):
        publish(name)

    owed = Delivery.objects.order_by("event__type").values_list("event__type", flat=True)
    assert list(owed) == types


@pytest.mark.parametrize("name", ["charge", "*", "char*", "charge.*.x", "nope.*"])
def test_another_pattern_is_refused(api, name):
    body = {"url": "http://127.0.0.1:1/", "event_types": [name]}

    assert api.post("/webhooks/endpoints", body).status_code == 400


def test_five_days_without_success_disable_an_endpoint_and_tell(receive, subscribe, publish, now):
    fine = receive()
    endpoint = subscribe(receive(Answer(500)))
    subscribe(fine, ["endpoint.*"])
    Endpoint.objects.filter(id=endpoint.id).update(failing_since=now - timedelta(days=5))
    publish()

    services.deliver_due()
    services.deliver_due()

    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_reason) == (
        False, "No delivery succeeded for 5 days.",
    )  # fmt: skip
    told = json.loads(fine.got[0][2])
    assert (told["type"], told["data"]["is_active"]) == ("endpoint.disabled", False)


def test_an_endpoint_that_fails_for_less_stays(receive, subscribe, publish, now):
    endpoint = subscribe(receive(Answer(500)))
    almost = now - timedelta(days=5) + timedelta(minutes=5)
    Endpoint.objects.filter(id=endpoint.id).update(failing_since=almost)
    publish()

    services.deliver_due()

    endpoint.refresh_from_db()
    assert endpoint.is_active


def test_made_active_again_it_gets_what_waited(api, receive, subscribe, publish):
    receiver = receive(Answer(410), Answer(200))
    endpoint = subscribe(receiver)
    publish(), publish()
    services.deliver_due()
    assert len(receiver.got) == 1

    api.patch(f"/webhooks/endpoints/{endpoint.id}", {"is_active": True})
    services.deliver_due()

    assert len(receiver.got) == 3
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert Event.objects.filter(type="endpoint.disabled").count() == 1


def command(*arguments):
    out = StringIO()
    call_command("replay_webhooks", *arguments, stdout=out)
    return out.getvalue()


def test_operators_replay_a_time_to_all_endpoints_or_one(receive, subscribe, publish, now):
    first, second = receive(), receive()
    endpoint = subscribe(first)
    subscribe(second)
    publish()
    services.deliver_due()
    since = (now - timedelta(hours=1)).isoformat()

    told = command("--since", since, "--endpoint", str(endpoint.id))
    services.deliver_due()
    command("--since", since)
    services.deliver_due()

    assert "1 events" in told
    assert (len(first.got), len(second.got)) == (3, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "2026-01-31T09:00"),
        ("--since", "2026-01-31T09:00Z", "--until", "2026-01-31T09:00Z"),
        ("--since", "2026-01-31T09:00Z", "--endpoint", "00000000-0000-0000-0000-000000000000"),
        (),
    ],
)
def test_wrong_arguments_of_the_command_are_sentences(committed, arguments):
    with pytest.raises(CommandError):
        command(*arguments)
