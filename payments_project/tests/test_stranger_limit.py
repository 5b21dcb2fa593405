"""What those without a key may ask of us a minute, from one address."""

from __future__ import annotations

from itertools import count
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from charges.tests.steps import notice
from foundation import broker
from payments_project.tests.conftest import problem

LIMIT = 3
ADDRESSES = count(1)


@pytest.fixture
def here(committed, settings):
    """An address that nobody has asked from; at most LIMIT requests a minute are a stranger's."""
    settings.STRANGER_REQUESTS_PER_MINUTE = LIMIT
    return f"198.51.{uuid4().int % 256}.{next(ADDRESSES) % 256}"


def ask(path, here, method="get", **headers):
    return getattr(Client(REMOTE_ADDR=here), method)(path, headers=headers, secure=True)


def forged(here):
    return ask("/stripe/webhook", here, "post", **{"stripe-signature": "t=1,v1=0"})


STRANGE = {
    "no key": lambda here: ask("/wallets", here),
    "no key, a write": lambda here: ask("/charges", here, "post"),
    "an unknown key": lambda here: ask("/wallets", here, authorization="Bearer a.b"),
    "a forged callback": forged,
    "the schema": lambda here: ask("/schema", here),
    "a page": lambda here: ask("/docs/errors", here),
    "a page of an error": lambda here: ask("/docs/errors/not_found", here),
    "the index": lambda here: ask("/", here),
}


@pytest.mark.parametrize("what", STRANGE)
def test_a_stranger_is_told_to_wait(what, here):
    say = STRANGE[what]
    before = [say(here).status_code for _ in range(LIMIT)]
    answer = say(here)

    assert 429 not in before
    assert (answer.status_code, problem(answer)["code"]) == (429, "rate_limited")
    assert 1 <= int(answer["Retry-After"]) <= 61


def exhaust(here):
    for _ in range(LIMIT + 1):
        ask("/wallets", here)


def test_a_valid_key_is_let_in_from_the_same_address(here, api):
    exhaust(here)

    assert ask("/wallets", here, authorization=f"Bearer {api.key}").status_code == 200


def test_refusals_of_a_valid_key_are_no_strangers(here, api):
    for _ in range(LIMIT + 2):
        answer = ask("/wallets/nobody", here, authorization=f"Bearer {api.key}")

    assert answer.status_code == 404


def test_stripes_signed_callbacks_are_no_strangers(here):
    exhaust(here)
    payload, signed = notice("payment_intent.succeeded", "pi_1")

    answer = Client(REMOTE_ADDR=here).post(
        "/stripe/webhook", payload, "application/json",
        headers={"stripe-signature": signed}, secure=True,
    )  # fmt: skip

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/admin/login/"])
def test_health_and_the_login_are_not_counted(path, here, plain_static):
    exhaust(here)

    assert ask(path, here).status_code == 200


def test_another_address_is_another_stranger(here):
    exhaust(here)

    assert ask("/wallets", "192.0.2.77").status_code == 401


def test_without_a_broker_nobody_is_counted(here, dead_broker):
    assert {ask("/wallets", here).status_code for _ in range(LIMIT + 2)} == {401}


def test_a_stranger_costs_one_conversation_with_the_broker(here, conversations):
    ask("/wallets", here)

    assert len(conversations) == 1


def test_a_partner_costs_none_more(here, api, conversations):
    ask("/wallets", here, authorization=f"Bearer {api.key}")  # begins the minute's count
    conversations.clear()

    ask("/wallets", here, authorization=f"Bearer {api.key}")

    assert len(conversations) == 1


@pytest.fixture
def conversations(committed, monkeypatch):
    """Each round trip to the broker."""
    seen = []
    asked = broker.ask
    monkeypatch.setattr(
        broker, "ask", lambda commands: (seen.append(timezone.now()), asked(commands))[1]
    )
    return seen
