"""How many conversations Stripe is held in, how fast our requests follow each other, and what
becomes of those that find no room.
"""

from __future__ import annotations

import threading
import time

import pytest

from charges import services
from charges.gateway import intents, limits
from charges.gateway.client import NoRoom, NotExecuted, conversation
from charges.models import CardAttempt, Charge, Refund
from charges.services import charging, refunding
from charges.tests.steps import (
    collect,
    create,
    end_of,
    give_back,
    new_charge,
    paid,
    returned_by_card,
)
from conftest import BY
from foundation import broker


@pytest.fixture
def crowded(monkeypatch):
    """`with crowded(): …`: somebody else holds the only place, and nobody waits."""
    places = limits._Places()
    places.bound(1, 0)
    monkeypatch.setattr(limits, "places", places)
    return lambda: _Elsewhere(conversation)


class _Elsewhere:
    """The context, entered by another thread."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        self.began, self.may_end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._hold)
        self.thread.start()
        assert self.began.wait(10)

    def _hold(self):
        with self.context():
            self.began.set()
            self.may_end.wait(30)

    def __exit__(self, *_):
        self.may_end.set()
        self.thread.join()


@pytest.fixture
def nudged(monkeypatch):
    tasks = []
    monkeypatch.setattr(broker, "nudge", tasks.append)
    return tasks


# Places ----------------------------------------------------------------------------------------


def test_there_are_no_more_conversations_than_places(crowded):
    with crowded(), pytest.raises(NoRoom), conversation():
        pass


def test_a_place_that_was_left_is_free(crowded):
    with crowded():
        pass

    with conversation(), conversation():  # one within the other is the same
        pass


def test_a_charge_that_finds_no_room_is_left_to_a_worker(partner, poor_ada, crowded, nudged, now):
    with crowded():
        made = create(partner, now)

    assert (made.status, made.attempts, made.next_attempt_at) == ("processing", 0, now)
    assert charging.RECOVER_TASK in nudged
    assert not CardAttempt.objects.exists()
    services.collect_due(by=BY)
    assert end_of(made.id) == paid(7000)


def test_a_wallet_needs_no_room(partner, ada, crowded, now):
    with crowded():
        assert create(partner, now).status == "succeeded"


def test_a_sweep_that_finds_no_room_uses_up_no_try(partner, poor_ada, crowded, now):
    with crowded():
        made = create(partner, now)
        for _ in range(10):
            collect(made.id, now)

    assert end_of(made.id)[0] == "processing"
    collect(made.id, now)
    assert end_of(made.id) == paid(7000)
    assert Charge.objects.get().attempts == 1


def test_a_refund_that_finds_no_room_is_left_to_a_worker(partner, poor_ada, crowded, nudged, now):
    made = create(partner, now)
    with crowded():
        refund = give_back(made.id, now, 1000)

    assert (refund.status, refund.next_attempt_at) == ("pending", now)
    assert refunding.REFUNDS_TASK in nudged
    services.complete_due_refunds(by=BY)
    assert Refund.objects.get().status == "succeeded"
    assert returned_by_card(made.id) == [1000]


def test_a_card_that_finds_no_room_is_attached_later(api, crowded):
    with crowded():
        answer = api.post(
            "/payment-methods", {"customer_id": "ada", "payment_method": "pm_card_visa"}
        )

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


# The rate --------------------------------------------------------------------------------------


@pytest.fixture
def rate(committed, settings):
    settings.STRIPE_REQUESTS_PER_SECOND = 50
    return 50


def took(count, wait=limits.wait_for_turn):
    began = time.monotonic()
    assert all(wait() for _ in range(count))
    return time.monotonic() - began


def test_after_a_burst_requests_keep_the_rate(rate):
    assert took(45) >= (45 - 1) / rate - limits.BURST - 0.01


def test_processes_share_it(rate):
    """The broker counts: another thread is as another process here."""
    spent = []
    threads = [threading.Thread(target=lambda: spent.append(took(20))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert max(spent) >= (40 - 1) / rate - limits.BURST - 0.01


def test_what_orders_ask_for_leaves_room_for_others(rate):
    with conversation(is_batch=True):
        batch = took(45)

    assert batch >= (45 - 1) / (rate * limits.BATCH_SHARE) - limits.BURST - 0.01


def test_who_would_wait_too_long_does_not(rate, monkeypatch):
    places = limits._Places()
    places.bound(1, 0)
    monkeypatch.setattr(limits, "places", places)

    seconds, _ = broker.client().time()
    broker.client().set(limits.KEY, (seconds + 5) * 1_000_000)

    assert not limits.wait_for_turn()


def test_a_question_that_would_wait_too_long_is_not_asked(rate, monkeypatch, sandbox):
    monkeypatch.setattr(limits, "wait_for_turn", lambda: False)

    with pytest.raises(NotExecuted):
        intents.retrieve("pi_1")


@pytest.mark.parametrize("hours", [-6, 6])
def test_the_rate_survives_a_clock_that_jumps(rate, hours):
    seconds, _ = broker.client().time()
    broker.client().set(limits.KEY, (seconds + hours * 3600) * 1_000_000)

    assert took(3) < 1


def test_without_a_broker_nobody_waits(rate, dead_broker):
    assert took(200) < 2


def test_a_run_asks_no_faster_than_the_rate(partner, sandbox, settings, now):
    settings.STRIPE_REQUESTS_PER_SECOND = 20
    for number in range(10):
        new = new_charge(customer_id=f"c{number}")
        services.create(partner_id=partner.id, new=new, is_async=True, by=BY, now=now)
    began = time.monotonic()

    services.collect_due(by=BY)

    assert Charge.objects.filter(status="succeeded").count() == 10
    assert time.monotonic() - began >= (20 - 1) / 20 - limits.BURST - 0.05  # create and confirm
