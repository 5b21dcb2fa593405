"""What breaks a step for one row is set aside by itself, and given up after five tries."""

from __future__ import annotations

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from webhooks import claiming, delivery, services
from webhooks.models import Attempt, Delivery, Endpoint, Event
from webhooks.tests.conftest import Answer

UNREADABLE = "UPDATE webhooks_event SET created_at = '20000-01-01' WHERE id = %s"


def spoil(event):
    """Its time is none that Python can read."""
    with connection.cursor() as cursor:
        cursor.execute(UNREADABLE, [event.id])


@pytest.fixture
def mend(committed):
    yield
    Event.objects.update(created_at=timezone.now())


@pytest.fixture
def spoiled(receive, subscribe, publish, mend):
    """The third of five events cannot be read."""
    receiver = receive()
    subscribe(receiver)
    events = [publish() for _ in range(5)]
    spoil(events[2])
    return receiver, events


def test_the_others_of_its_batch_are_delivered(spoiled):
    receiver, events = spoiled

    assert services.deliver_due() == 5

    got = [headers["webhook-id"] for _, headers, _ in receiver.got]
    assert got == [str(event.id) for event in events if event is not events[2]]


def test_staff_see_that_the_fault_is_ours_and_the_endpoint_is_not_blamed(spoiled):
    _, events = spoiled

    services.deliver_due()

    assert Attempt.objects.get(delivery__event_id=events[2].id).error == delivery.FAULT
    assert Endpoint.objects.get().failures == 0


def test_after_five_tries_it_is_given_up(spoiled):
    _, events = spoiled
    poison = Delivery.objects.filter(event_id=events[2].id)
    services.deliver_due()

    while due := poison.values_list("next_attempt_at", flat=True).get():
        with time_machine.travel(due):
            services.deliver_due()

    assert poison.values_list("status", "attempt_count").get() == ("exhausted", delivery.TRIES)


def test_a_secret_that_cannot_sign_holds_its_own_endpoint_alone(receive, subscribe, publish):
    receiver, fine = receive(), receive()
    broken = subscribe(receiver)
    subscribe(fine)
    Endpoint.objects.filter(id=broken.id).update(secret="whsec_!")
    publish()

    services.deliver_due()
    Endpoint.objects.filter(id=broken.id).update(secret=Endpoint.objects.last().secret)

    assert (len(receiver.got), len(fine.got)) == (0, 1)
    assert Attempt.objects.get(delivery__endpoint=broken).error == delivery.FAULT


@pytest.fixture
def unkept(committed):
    """Answers that say `poison` cannot be kept."""
    with connection.cursor() as cursor:
        cursor.execute("""ALTER TABLE webhooks_attempt ADD CONSTRAINT unkept
            CHECK (response_excerpt NOT LIKE '%poison%')""")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE webhooks_attempt DROP CONSTRAINT unkept")


def test_an_answer_that_cannot_be_kept_is_recorded_without_its_text(
    unkept, receive, subscribe, publish
):
    receiver = receive(Answer(), Answer(), Answer(body=b"poison"), Answer())
    subscribe(receiver)
    for _ in range(7):
        publish()

    services.deliver_due()

    assert len(receiver.got) == 7
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert Attempt.objects.filter(response_excerpt="").count() == 1


def test_one_whose_senders_die_again_and_again_is_given_up(receive, subscribe, publish, now):
    receiver = receive()
    endpoint = subscribe(receiver)
    publish()
    moment = now
    for _ in range(delivery.TRIES):
        assert claiming.claim(endpoint.id, 1, moment)  # and no record: it died
        moment += claiming.LEASE

    with time_machine.travel(moment):
        services.deliver_due()

    assert (Delivery.objects.get().status, receiver.got) == ("exhausted", [])
    assert Attempt.objects.get().error == delivery.LOST
