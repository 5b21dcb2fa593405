from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from io import StringIO
from types import SimpleNamespace

import pytest
import requests
from django.core.management import call_command

from webhooks import services, signing
from webhooks.management.commands import webhook_listener
from webhooks.tests.conftest import Answer


@pytest.fixture
def listener():
    """The development listener, as a server in a thread."""
    secret = signing.new_secret()
    receiver = type("Listener", (webhook_listener.Receiver,), {"secret": secret})
    with ThreadingHTTPServer(("127.0.0.1", 0), receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/api/webhook"
        yield SimpleNamespace(url=url, secret=secret)
        server.shutdown()
        thread.join()


def test_the_listener_verifies_and_prints_an_operators_webhook(
    listener, publish, settings, one_delivery, capsys
):
    settings.WEBHOOK_URLS, settings.WEBHOOK_SECRET = [listener.url], listener.secret
    services.sync_operator_endpoints()
    event = publish("wallet.credited")

    services.deliver_due()

    assert one_delivery().status == "delivered"
    assert f"[verified] {event.id} wallet.credited #1" in capsys.readouterr().out


def test_the_listener_refuses_what_another_secret_signed(
    listener, publish, settings, one_delivery, capsys
):
    settings.WEBHOOK_URLS = [listener.url]
    services.sync_operator_endpoints()
    publish()

    services.deliver_due()

    assert one_delivery().attempts.get().response_status == 400
    assert "[NOT VERIFIED]" in capsys.readouterr().out


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"type": 1}'])
def test_the_listener_survives_strangers(body, listener):
    assert requests.post(listener.url, data=body, timeout=5).status_code == 400


def test_the_listener_knows_one_path(listener):
    elsewhere = listener.url.replace("/api/webhook", "/")

    assert requests.post(elsewhere, data=b"{}", timeout=5).status_code == 404


def test_deliver_webhooks_once_sends_what_is_due_and_ends(receive, subscribe, publish):
    receiver, out = receive(), StringIO()
    subscribe(receiver)
    publish()
    publish()

    call_command("deliver_webhooks", "--once", stdout=out)

    assert len(receiver.got) == 2
    assert "2" in out.getvalue()


def test_deliver_webhooks_survives_a_failing_receiver(receive, subscribe, publish, one_delivery):
    subscribe(receive(Answer(500)))
    publish()

    call_command("deliver_webhooks", "--once", stdout=StringIO())

    assert one_delivery().status == "failed"
