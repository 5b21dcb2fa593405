from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from asyncio.selector_events import BaseSelectorEventLoop
from datetime import timedelta

import pytest
import time_machine
import trustme

from webhooks import egress, posting, services
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.tests.conftest import Answer

PUBLIC, PRIVATE = "93.184.215.14", "10.0.0.1"


def post_twice(receiver, times=2):
    """One after the other, by one client."""

    async def run():
        url = getattr(receiver, "url", receiver)
        async with posting.client() as post:
            return [await post(url, body=b"{}", headers={}) for _ in range(times)]

    return asyncio.run(run())


def post(receiver):
    (answer,) = post_twice(receiver, times=1)
    return answer


def drip(handler, seconds=3.0):
    """One byte every tenth of a second."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not handler.server.is_over.wait(0.1):
        handler.wfile.write(b".")
        handler.wfile.flush()


def hang(handler):
    handler.server.is_over.wait(3)


@pytest.fixture
def resolve(monkeypatch):
    """Names that resolve to these addresses, one list a look-up (the last for ever)."""
    real = socket.getaddrinfo

    def resolve(*lists, delay=0.0):
        left = [list(addresses) for addresses in lists]

        def getaddrinfo(host, port, *args, **kwargs):
            if host != "hooks.example":
                return real(host, port, *args, **kwargs)
            time.sleep(delay)
            found = left.pop(0) if len(left) > 1 else left[0]
            return [real(address, port, *args, **kwargs)[0] for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return resolve


def test_a_connection_stays_open_for_the_next_delivery(receive, subscribe, publish):
    receiver = receive()
    subscribe(receiver)
    for _ in range(5):
        publish()

    services.deliver_due()

    assert (len(receiver.got), len(receiver.clients)) == (5, 1)


@pytest.fixture
def receive_tls(receive, monkeypatch):
    """A receiver behind TLS, whose certificate an authority of the test has signed."""
    authority = trustme.CA()
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    def receive_tls(*answers, name="127.0.0.1"):
        receiver = receive(*answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
        receiver.is_tls = True
        return receiver

    monkeypatch.setattr(posting, "tls", lambda: trusting)
    return receive_tls


def test_deliveries_by_tls_arrive_over_one_connection(receive_tls, subscribe, publish):
    receiver = receive_tls()
    endpoint = subscribe(receiver)
    for _ in range(3):
        publish()

    services.deliver_due()

    statuses = Delivery.objects.filter(endpoint=endpoint).values_list("status", flat=True)
    assert (set(statuses), len(receiver.got), len(receiver.clients)) == ({"delivered"}, 3, 1)


def test_the_deadline_holds_within_tls(receive_tls, short_timeout, elapsed):
    receiver = receive_tls(Answer(), Answer(body=drip))

    first, second = post_twice(receiver)

    assert (first.is_success, second.error) == (True, "The answer took too long.")
    assert elapsed() < 1.5


def test_a_certificate_for_another_name_is_refused(receive_tls):
    receiver = receive_tls(name="hooks.example")

    answer = post(receiver)

    assert (answer.status, "certificate" in answer.error.lower()) == (None, True)
    assert receiver.got == []


def test_a_certificate_of_an_unknown_authority_is_refused(receive, receive_tls, monkeypatch):
    receiver = receive_tls()
    monkeypatch.undo()

    answer = post(receiver)

    assert (answer.status, receiver.got) == (None, [])


def test_a_receiver_that_closes_is_connected_to_again(receive, subscribe, publish):
    receiver = receive(Answer(200, {"Connection": "close"}))
    subscribe(receiver)
    for _ in range(5):
        publish()

    services.deliver_due()

    assert (len(receiver.got), len(receiver.clients)) == (5, 5)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_the_deadline_holds_on_a_connection_that_was_open_before(receive, short_timeout, elapsed):
    receiver = receive(Answer(), Answer(body=drip))

    first, second = post_twice(receiver)

    assert (first.is_success, second.error) == (True, "The answer took too long.")
    assert len(receiver.clients) == 1
    assert elapsed() < 1.5


def test_a_connection_that_was_cut_is_not_used_again(receive, short_timeout):
    receiver = receive(Answer(body=drip), Answer())

    first, second = post_twice(receiver)

    assert (first.is_success, second.is_success) == (False, True)


def test_cookies_are_not_kept(receive):
    receiver = receive(Answer(200, {"Set-Cookie": "session=1"}))

    post_twice(receiver)

    assert "Cookie" not in receiver.got[1][1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status, receive):
    target = receive()
    receiver = receive(Answer(status, {"Location": target.url}))

    answer = post(receiver)

    assert (answer.is_success, target.got) == (False, [])


@pytest.mark.parametrize("trick", [drip, hang])
def test_a_receiver_that_does_not_end_is_cut_at_the_deadline(
    trick, receive, short_timeout, elapsed
):
    answer = post(receive(Answer(body=trick)))

    assert (answer.is_success, answer.error != "") == (False, True)
    assert elapsed() < 1.5


def test_a_receiver_that_never_answers_is_cut_at_the_deadline(short_timeout, elapsed):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = post(f"http://127.0.0.1:{silent.getsockname()[1]}/")

    assert answer.error
    assert elapsed() < 1.5


def test_a_slow_name_does_not_lift_the_deadline(receive, resolve, short_timeout, elapsed):
    receiver = receive(Answer(body=drip))
    resolve(["127.0.0.1"], delay=0.5)

    answer = post(f"http://hooks.example:{receiver.server_port}/")

    assert answer.error
    assert elapsed() < 2


def test_a_huge_answer_is_read_to_64_kib_only(receive):
    sent = []

    def flood(handler):
        while len(sent) < 1024:
            handler.wfile.write(b"x" * 1024 * 1024)
            sent.append(1024 * 1024)

    answer = post(receive(Answer(body=flood)))

    assert (answer.status, len(answer.excerpt)) == (200, egress.MAX_EXCERPT)
    assert sum(sent) < 64 * 1024 * 1024


def test_a_packed_answer_is_not_unpacked(receive):
    answer = post(receive(Answer(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b no gzip")))

    assert answer.is_success


def test_a_2xx_whose_body_breaks_off_is_a_success(receive):
    def break_off(handler):
        handler.wfile.write(b"only this")

    answer = post(receive(Answer(200, {"Content-Length": "1000"}, break_off)))

    assert (answer.is_success, answer.excerpt) == (True, "only this")


def test_nobody_listening_is_an_error(receive):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    answer = post(f"http://127.0.0.1:{port}/")

    assert (answer.status, answer.is_success, answer.error != "") == (None, False, True)


def test_an_answer_that_is_not_http_is_an_error(receive):
    def babble(server):
        client, _ = server.accept()
        with client:
            client.recv(1024)
            client.sendall(b"\x00\xff no http\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=babble, args=[server])
        thread.start()
        answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join()

    assert (answer.status, answer.error != "") == (None, True)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environments_proxies_are_ignored(name, receive, monkeypatch):
    proxy, receiver = receive(), receive()
    monkeypatch.setenv(name, proxy.url)

    answer = post(receiver)

    assert (answer.is_success, len(receiver.got), proxy.got) == (True, 1, [])


REFUSED = [
    "http://8.8.8.8/", "https://127.0.0.1/", "https://localhost/", "https://10.0.0.1/",
    "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/", "https://0.0.0.0/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://[::1]/", "https://[::ffff:10.0.0.1]/", "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1]/", "https://[fc00::1]/", "https://[64:ff9b::10.0.0.1]/",
    "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/",
    "https://user:password@8.8.8.8/", "https://user@8.8.8.8/", "https://8.8.8.8:99999/",
    "ftp://8.8.8.8/", "file:///etc/passwd", "gopher://8.8.8.8/", "javascript:alert(1)",
    "8.8.8.8/hook", "https://", "https:///hook", "//8.8.8.8/", "https://[", "https://nope.invalid/",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_https_is_refused(url, settings):
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    with pytest.raises(egress.UrlRefused):
        egress.check_url(url)


@pytest.fixture
def no_connection(monkeypatch):
    """Addresses that somebody connected to; nothing leaves the machine."""
    tried = []

    async def connect(loop, sock, address):
        tried.append(address[:2])
        raise ConnectionRefusedError("the test lets nobody out")

    monkeypatch.setattr(BaseSelectorEventLoop, "sock_connect", connect)
    return tried


@pytest.mark.parametrize("url", REFUSED)
def test_nobody_connects_to_a_hostile_url_that_got_into_the_table(
    url, subscribe, publish, one_delivery, settings, no_connection
):
    Endpoint.objects.filter(id=subscribe("http://127.0.0.1:9/").id).update(url=url)
    publish()
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    services.deliver_due()

    assert no_connection == []
    assert one_delivery().status == "failed"
    assert one_delivery().attempts.get().error


def test_it_would_be_seen_to_connect(settings, no_connection):
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    assert post("https://8.8.8.8/").error

    assert no_connection == [("8.8.8.8", 443)]


@pytest.mark.parametrize("url", REFUSED)
def test_a_hostile_url_is_refused_at_registration(url, api, settings, no_connection):
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    answer = api.post("/webhooks/endpoints", {"url": url})

    assert (answer.status_code, Endpoint.objects.count()) == (400, 0)
    assert answer.json()["code"] in ("url_refused", "validation_error")
    assert no_connection == []


def test_a_refused_address_is_tried_no_oftener_than_a_dead_one(
    subscribe, publish, settings, no_connection, now
):
    subscribe("http://127.0.0.1:9/")
    for _ in range(10):
        publish()
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    for seconds in range(0, 600, 2):
        with time_machine.travel(now + timedelta(seconds=seconds), tick=False):
            services.deliver_due()

    assert Attempt.objects.count() < 15
    assert no_connection == []


@pytest.mark.parametrize("url", ["https://8.8.8.8/", "https://[2606:4700::1111]/hook?a=b"])
def test_a_public_https_address_is_accepted(url, settings):
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    egress.check_url(url)


def test_the_setting_opens_loopback_and_nothing_else():
    egress.check_url("http://127.0.0.1:3001/api/webhook")

    with pytest.raises(egress.UrlRefused):
        egress.check_url("http://10.0.0.1/")


def test_a_name_is_refused_when_any_of_its_addresses_is_private(resolve, settings):
    settings.WEBHOOK_ALLOW_LOOPBACK = False
    resolve([PUBLIC, PRIVATE])

    with pytest.raises(egress.UrlRefused):
        egress.check_url("https://hooks.example/")


@pytest.mark.parametrize("after", ["127.0.0.1", PRIVATE, "169.254.169.254", "::1", "fd00::1"])
def test_a_name_that_rebinds_after_its_registration_is_not_connected_to(
    after, resolve, settings, no_connection
):
    settings.WEBHOOK_ALLOW_LOOPBACK = False
    resolve([PUBLIC], [after])
    egress.check_url("https://hooks.example/")

    answer = post("https://hooks.example/")

    assert (answer.status, no_connection) == (None, [])


def test_a_name_that_gained_a_private_address_is_not_connected_to(resolve, settings, no_connection):
    """Not by its public one either: the name is not its owner's alone."""
    settings.WEBHOOK_ALLOW_LOOPBACK = False
    resolve([PUBLIC, PRIVATE])

    answer = post("https://hooks.example/")

    assert (answer.error, no_connection) == (egress.NOT_PUBLIC, [])


def test_a_name_that_rebinds_between_check_and_connect_is_pinned(resolve, settings, no_connection):
    """What is connected to is the address that was looked at, not the name."""
    settings.WEBHOOK_ALLOW_LOOPBACK = False
    resolve([PUBLIC], [PRIVATE])

    post("https://hooks.example/")

    assert no_connection == [(PUBLIC, 443)]


def test_an_address_that_became_private_is_refused_at_delivery(receive, resolve, settings):
    receiver = receive()
    settings.WEBHOOK_ALLOW_LOOPBACK = False
    resolve([PUBLIC], ["127.0.0.1"])
    egress.check_url("https://hooks.example/")

    answer = post(f"https://hooks.example:{receiver.server_port}/")

    assert (answer.status, receiver.got) == (None, [])
    assert answer.error == "The host resolves to an address that is not public."


def test_a_delivery_to_a_refused_address_fails(receive, subscribe, publish, one_delivery, settings):
    receiver = receive()
    subscribe(receiver)
    publish()
    settings.WEBHOOK_ALLOW_LOOPBACK = False

    services.deliver_due()

    assert (one_delivery().status, receiver.got) == ("failed", [])
