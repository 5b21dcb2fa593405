from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection, transaction

from partners.models import Partner
from webhooks import events, services
from webhooks.models import Delivery, Endpoint, Event
from webhooks.tests.conftest import BY

NOWHERE = "http://127.0.0.1:9/hook"


def fact(partner, resource_id, **data):
    return events.Fact(partner.id, "wallet.credited", resource_id, data)


def sequences(resource_id):
    return list(
        Event.objects.filter(resource_id=resource_id)
        .order_by("sequence")
        .values_list("sequence", flat=True)
    )


def test_sequences_count_per_resource(publish):
    one, two = uuid4(), uuid4()

    made = [publish(resource_id=r).sequence for r in (one, two, one, one, two)]

    assert made == [1, 1, 2, 3, 2]


def test_facts_of_one_call_are_numbered_in_their_order(partner, now):
    one, two = uuid4(), uuid4()
    facts = [fact(partner, r, place=place) for place, r in enumerate([one, two, one, two, one])]

    with transaction.atomic(durable=True):
        events.publish(facts, by=BY, now=now)

    rows = Event.objects.filter(resource_id=one).order_by("sequence")
    assert [(row.sequence, row.data) for row in rows] == [
        (1, '{"place": 0}'),
        (2, '{"place": 2}'),
        (3, '{"place": 4}'),
    ]


def test_concurrent_publishers_under_the_resources_lock_leave_no_gap(partner, now):
    resource, barrier = uuid4(), threading.Barrier(8)

    def publish_five():
        try:
            barrier.wait()
            for _ in range(5):
                with transaction.atomic(durable=True):
                    Partner.objects.select_for_update().get(id=partner.id)
                    events.publish([fact(partner, resource)], by=BY, now=now)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish_five) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sequences(resource) == list(range(1, 41))


def test_a_rolled_back_fact_leaves_no_gap(partner, publish, now):
    resource = uuid4()
    publish(resource_id=resource)

    with transaction.atomic(durable=True):
        events.publish([fact(partner, resource)], by=BY, now=now)
        transaction.set_rollback(True)
    publish(resource_id=resource)

    assert sequences(resource) == [1, 2]


def test_publish_refuses_outside_a_transaction(partner, now):
    with pytest.raises(RuntimeError):
        events.publish([fact(partner, uuid4())], by=BY, now=now)

    assert not Event.objects.exists()


def test_no_facts_need_no_transaction(partner, now):
    events.publish([], by=BY, now=now)

    assert not Event.objects.exists()


def test_an_event_carries_its_request(publish):
    assert publish().request_id == BY.request_id


def wanted_by(endpoint):
    return Delivery.objects.filter(endpoint=endpoint).count()


@pytest.mark.parametrize(
    ("event_types", "count"),
    [([], 1), (["wallet.credited"], 1), (["charge.failed", "wallet.credited"], 1)],
)
def test_an_endpoint_that_wants_the_type_is_owed_a_delivery(event_types, count, subscribe, publish):
    endpoint = subscribe(NOWHERE, event_types)

    publish("wallet.credited")

    assert wanted_by(endpoint) == count


def test_every_endpoint_that_wants_it_is_owed_one_of_its_own(subscribe, publish):
    endpoints = [subscribe(NOWHERE) for _ in range(3)]

    publish()

    assert [wanted_by(e) for e in endpoints] == [1, 1, 1]


def test_an_endpoint_of_other_types_is_owed_nothing(subscribe, publish):
    endpoint = subscribe(NOWHERE, ["charge.failed"])

    publish("wallet.credited")

    assert wanted_by(endpoint) == 0


def test_an_inactive_endpoint_is_owed_nothing(subscribe, publish, now):
    endpoint = subscribe(NOWHERE)
    services.update_endpoint(endpoint=endpoint, changes={"is_active": False}, now=now)

    publish()

    assert wanted_by(endpoint) == 0


def test_a_deleted_endpoint_is_owed_nothing(subscribe, publish, now):
    endpoint = subscribe(NOWHERE)
    services.delete_endpoint(endpoint=endpoint, now=now)

    publish()

    assert wanted_by(endpoint) == 0


def test_another_partners_endpoint_is_owed_nothing(subscribe, publish, other_partner):
    endpoint = subscribe(NOWHERE, owner=other_partner)

    publish()

    assert wanted_by(endpoint) == 0


def test_an_operator_endpoint_is_owed_every_partners_events(publish, other_partner, settings):
    settings.WEBHOOK_URLS = [NOWHERE]
    services.sync_operator_endpoints()

    publish()
    publish(owner=other_partner)

    assert Delivery.objects.filter(endpoint__url=NOWHERE).count() == 2


def test_operator_endpoints_are_exactly_those_of_the_setting(committed, settings):
    settings.WEBHOOK_URLS = ["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"]
    services.sync_operator_endpoints()
    settings.WEBHOOK_URLS = ["http://127.0.0.1:1/b", "http://127.0.0.1:1/c"]

    services.sync_operator_endpoints()

    rows = Endpoint.objects.filter(partner=None, is_active=True)
    assert sorted(row.url for row in rows) == settings.WEBHOOK_URLS


def test_an_operator_endpoint_that_comes_back_is_active_again(committed, settings):
    for urls in (["http://127.0.0.1:1/a"], [], ["http://127.0.0.1:1/a"]):
        settings.WEBHOOK_URLS = urls
        services.sync_operator_endpoints()

    endpoint = Endpoint.objects.get()
    assert (endpoint.is_active, endpoint.disabled_reason) == (True, "")


def test_partners_endpoints_are_left_alone_by_the_setting(subscribe, settings):
    endpoint = subscribe(NOWHERE)
    settings.WEBHOOK_URLS = []

    services.sync_operator_endpoints()

    endpoint.refresh_from_db()
    assert endpoint.is_active
