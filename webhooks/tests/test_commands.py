from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from io import StringIO
from types import SimpleNamespace

import pytest
import requests
from django.core.management import CommandError, call_command

from webhooks import services, signing
from webhooks.management.commands import webhook_listener
from webhooks.tests.conftest import Answer


@pytest.fixture
def listener(request):
    """The development listener, as a server in a thread; indirect parameters are its settings."""
    secret = signing.new_secret()
    habits = {"secret": secret, **getattr(request, "param", {})}
    receiver = type("Listener", (webhook_listener.Receiver,), habits)
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


@pytest.mark.parametrize("listener", [{"status": 503}], indirect=True)
def test_the_listener_answers_as_it_is_told(listener, subscribe, publish, one_delivery, capsys):
    subscribe(listener.url)
    publish()

    services.deliver_due()

    assert one_delivery().attempts.get().response_status == 503


@pytest.mark.parametrize("listener", [{"delay": 2.0}, {"is_dripping": True}], indirect=True)
def test_the_listener_takes_its_time_as_it_is_told(
    listener, subscribe, publish, one_delivery, short_timeout
):
    subscribe(listener.url)
    publish()

    services.deliver_due()

    assert one_delivery().attempts.get().error


@pytest.mark.parametrize("listener", [{"is_pretty": True}], indirect=True)
def test_the_listener_prints_prettily(listener, publish, settings, capsys):
    settings.WEBHOOK_URLS, settings.WEBHOOK_SECRET = [listener.url], listener.secret
    services.sync_operator_endpoints()
    publish(data={"amount": "19.99"})

    services.deliver_due()

    assert '{\n  "amount": "19.99"\n}' in capsys.readouterr().out


@pytest.mark.parametrize("status", ["99", "600", "ok", "-1"])
def test_the_listener_knows_statuses(status):
    with pytest.raises(CommandError):
        call_command("webhook_listener", "--status", status)
