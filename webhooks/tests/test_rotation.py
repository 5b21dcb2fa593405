"""A secret is rotated without a gap: for a day both sign."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks import services


@pytest.fixture
def rotated(api, receive):
    """(receiver, old secret, new secret) of an endpoint whose secret was just rotated."""
    receiver = receive()
    made = api.post("/webhooks/endpoints", {"url": receiver.url}).json()
    answer = api.post(f"/webhooks/endpoints/{made['id']}/rotate-secret")
    assert answer.status_code == 200, answer.json()
    return receiver, made["secret"], answer.json()["secret"]


def verifies(secret, request):
    _, headers, body = request
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def test_for_a_day_both_secrets_verify(rotated, publish):
    receiver, old, new = rotated
    publish()

    services.deliver_due()

    assert old != new
    assert (verifies(old, receiver.got[0]), verifies(new, receiver.got[0])) == (True, True)


def test_a_day_later_the_old_one_does_not(rotated, publish):
    receiver, old, new = rotated
    with time_machine.travel(timezone.now() + timedelta(hours=24, seconds=1)):
        publish(at=timezone.now())
        services.deliver_due()

        assert (verifies(old, receiver.got[0]), verifies(new, receiver.got[0])) == (False, True)


def test_the_secret_is_shown_at_rotation_only(api, rotated):
    shown = api.get("/webhooks/endpoints").json()["results"][0]

    assert not {"secret", "previous_secret"} & set(shown)


def test_rotating_twice_keeps_the_last_two(api, rotated, publish):
    receiver, first, second = rotated
    (endpoint,) = api.get("/webhooks/endpoints").json()["results"]
    third = api.post(f"/webhooks/endpoints/{endpoint['id']}/rotate-secret").json()["secret"]
    publish()

    services.deliver_due()

    verified = [verifies(secret, receiver.got[0]) for secret in (first, second, third)]
    assert verified == [False, True, True]
