from __future__ import annotations

import json
import socket
import threading
from datetime import timedelta
from importlib import import_module
from io import StringIO
from uuid import uuid4

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import connection

from webhooks import egress, services
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.tests.conftest import Answer

SHOWN = {
    "id", "event_id", "event_type", "endpoint_id", "url", "payload", "status", "attempts",
    "next_attempt_at", "created_at",
}  # fmt: skip


@pytest.fixture
def log(api):
    return lambda **filters: api.get("/webhooks", **filters).json()["results"]


def test_a_delivery_shows_what_the_contract_says(receive, subscribe, publish, log):
    endpoint = subscribe(receive())
    event = publish()

    (shown,) = log()
    assert set(shown) == SHOWN
    assert (shown["event_id"], shown["event_type"]) == (str(event.id), event.type)
    assert (shown["endpoint_id"], shown["url"]) == (str(endpoint.id), endpoint.url)
    assert (shown["status"], shown["attempts"]) == ("pending", [])


def test_the_payload_shown_is_what_was_sent(receive, subscribe, publish, log):
    receiver = receive()
    subscribe(receiver)
    publish()
    services.deliver_due()

    assert log()[0]["payload"] == json.loads(receiver.got[0][2])


def test_each_attempt_is_on_the_log(receive, subscribe, publish, log):
    subscribe(receive(Answer(500, body=b"no\x00t now")))
    publish()
    services.deliver_due()

    (attempt,) = log()[0]["attempts"]
    assert (attempt["number"], attempt["response_status"], attempt["error"]) == (1, 500, "")
    assert attempt["response_excerpt"] == "no\ufffdt now"
    assert attempt["duration_ms"] >= 0


def test_an_attempt_without_an_answer_says_why(subscribe, publish, log):
    subscribe("http://127.0.0.1:1/")
    publish()
    services.deliver_due()

    (attempt,) = log()[0]["attempts"]
    assert attempt["response_status"] is None
    assert attempt["error"]


@pytest.fixture
def mixed_log(receive, subscribe, publish, now):
    """One delivered credit, one failed debit, at two endpoints, a day apart."""
    fine = subscribe(receive(), ["wallet.credited"])
    bad = subscribe(receive(Answer(500)), ["wallet.debited"])
    publish("wallet.credited", at=now - timedelta(days=1))
    publish("wallet.debited")
    services.deliver_due()
    return {"fine": str(fine.id), "bad": str(bad.id)}


def types(rows):
    return [row["event_type"] for row in rows]


def test_deliveries_are_newest_first(mixed_log, log):
    assert types(log()) == ["wallet.debited", "wallet.credited"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"event_type": "wallet.credited"}, ["wallet.credited"]),
        ({"event_type": "charge.failed"}, []),
        ({"status": "delivered"}, ["wallet.credited"]),
        ({"status": "failed"}, ["wallet.debited"]),
        ({"status": "exhausted"}, []),
    ],
)
def test_deliveries_are_filtered_by_type_and_status(filters, expected, mixed_log, log):
    assert types(log(**filters)) == expected


def test_deliveries_are_filtered_by_endpoint(mixed_log, log):
    assert types(log(endpoint_id=mixed_log["bad"])) == ["wallet.debited"]


def test_deliveries_are_filtered_by_time(mixed_log, log, now):
    noon = (now - timedelta(hours=12)).isoformat()

    assert types(log(created_gte=noon)) == ["wallet.debited"]
    assert types(log(created_lt=noon)) == ["wallet.credited"]


def test_one_delivery_is_read_by_its_id(mixed_log, log, api):
    newest = log()[0]

    assert api.get(f"/webhooks/{newest['id']}").json() == newest


def test_another_partners_delivery_is_not_there(mixed_log, log, make_api, other_partner):
    other = make_api(other_partner)

    assert other.get(f"/webhooks/{log()[0]['id']}").status_code == 404
    assert other.get("/webhooks").json()["results"] == []


def test_an_unknown_delivery_is_not_there(api):
    assert api.get(f"/webhooks/{uuid4()}").status_code == 404


TOKEN = "OPERATOR-TOKEN-123"


def refuse(receive):
    return "http://127.0.0.1:1"


def cut_off(receive):
    """A receiver that hangs up when it has heard everything."""
    server = socket.create_server(("127.0.0.1", 0))

    def hang_up():
        connection, _ = server.accept()
        connection.recv(65536)
        connection.close()
        server.close()

    threading.Thread(target=hang_up, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}"


OPERATORS = {
    "refused": refuse,
    "not resolved": lambda _: "http://no.such.host.invalid",
    "no TLS": lambda receive: receive().url.removesuffix("/hook").replace("http", "https"),
    "answered": lambda receive: receive(Answer(500, body=b"host=inside")).url.removesuffix("/hook"),
    "cut off": cut_off,
}


@pytest.mark.parametrize("way", OPERATORS)
def test_of_an_operators_endpoint_partners_see_status_and_time_alone(way, receive, api, settings):
    address = OPERATORS[way](receive)
    settings.WEBHOOK_URLS = [f"{address}/inner?token={TOKEN}"]
    services.sync_operator_endpoints()
    charge = api.post("/charges", {"customer_id": "ada", "amount": "1.00"}).json()
    services.deliver_due()

    (delivery,) = api.get("/webhooks").json()["results"]
    paths = ["/webhooks", f"/webhooks/{delivery['id']}", "/events"]
    paths.append(f"/charges/{charge['id']}/timeline")
    seen = "".join(api.get(path).content.decode() for path in paths)
    told = StringIO()
    call_command("explain_charge", charge["id"], stdout=told)
    seen += told.getvalue()

    assert not [word for word in (TOKEN, "inner", "127.0.0.1", "invalid", "inside") if word in seen]
    (attempt,) = delivery["attempts"]
    assert (attempt["error"], attempt["response_excerpt"], delivery["url"]) == ("", "", "")


@pytest.mark.parametrize("way", OPERATORS)
def test_no_word_of_a_library_reaches_the_table(way, receive, subscribe, publish):
    endpoint = subscribe("http://127.0.0.1:1/")
    address = f"{OPERATORS[way](receive)}/hook"
    Endpoint.objects.filter(id=endpoint.id).update(
        url=address
    )  # one that resolved when it was made
    publish()
    services.deliver_due()

    error = Attempt.objects.get().error
    assert error in {"", *(words for _, words in egress.WORDS)}
    assert bool(error) == (way != "answered")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (b"bad secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "bad secret whsec_…"),
        (b"Authorization: Bearer eyJhbGciOi.abc.def", "Authorization: Bearer …"),
        (b'{"api_key": "abcd1234", "ok": false}', '{"api_key": "…", "ok": false}'),
        (b"password=hunter22&x=1", "password=…&x=1"),
        (
            b"signature v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= differs",
            "signature v1,… differs",
        ),
        (b"no token here", "no token here"),
    ],
)
def test_secrets_that_a_receiver_echoes_are_not_kept(receive, subscribe, publish, log, said, kept):
    subscribe(receive(Answer(400, body=said)))
    publish()

    services.deliver_due()

    assert log()[0]["attempts"][0]["response_excerpt"] == kept


def test_no_search_of_staff_tells_the_token_of_an_operators_url(settings, committed, publish, rf):
    settings.WEBHOOK_URLS = [f"http://127.0.0.1:1/inner?token={TOKEN}"]
    services.sync_operator_endpoints()
    publish()
    request = rf.get("/")

    def found(model, term):
        page = admin.site._registry[model]
        return page.get_search_results(request, page.get_queryset(request), term)[0].count()

    for model in (Endpoint, Delivery):
        assert (found(model, "inner"), found(model, "OPERATOR-TOKEN")) == (1, 0)


def test_the_migration_tells_old_errors_in_our_words(subscribe, publish):
    subscribe("http://127.0.0.1:1/")
    publish()
    services.deliver_due()
    old = f"ConnectionError: HTTPConnectionPool(host='x', port=9): url: /h?token={TOKEN} refused"
    Attempt.objects.update(error=old)
    migration = import_module("webhooks.migrations.0006_errors_in_our_words")

    with connection.cursor() as cursor:
        cursor.execute(migration.WORDS)

    assert Attempt.objects.get().error == "The connection was refused."
