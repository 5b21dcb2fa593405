"""What is sent is read whatever its framing: through the server, as a partner's client sends it."""

from __future__ import annotations

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User

from charges.models import Charge, ProcessorEvent
from charges.tests.steps import notice
from payments_project.tests import test_strangers
from payments_project.tests.conftest import partner_routes, problem
from webhooks.models import Endpoint

FRAMINGS = ["length", "chunked", "HTTP/2"]
"""How a client says where a body ends; HTTP/2 without a length."""
each_framing = pytest.mark.parametrize("framing", FRAMINGS)
WRITES = [
    (method, path)
    for path, view in partner_routes()
    for method in ("post", "put", "patch", "delete")
    if hasattr(view, method)
]
JSON = {"Content-Type": "application/json"}
TOO_MUCH = b"{}".ljust(settings.API_MAX_BODY + 1)

things = test_strangers.theirs
"""A partner's API, and one of each of its things."""


@pytest.fixture
def speak(web):
    """`speak("chunked", key)`: a call over one connection, whose bodies are so framed."""

    @contextmanager
    def speak(framing, key=""):
        is_http2 = framing == "HTTP/2"
        headers = {"authorization": f"Bearer {key}"} if key else {}
        with httpx.Client(
            base_url=web, headers=headers, http1=not is_http2, http2=is_http2, timeout=20
        ) as client:

            def call(method, path, raw=None, **more):
                content = raw if framing == "length" or raw is None else streamed(raw)
                more = {"Idempotency-Key": uuid4().hex, **more}
                return client.request(method, path, content=content, headers=more)

            yield call

    return speak


def streamed(raw):
    """The bytes, without a word of how many they are."""
    half = len(raw) // 2
    yield from (raw[:half], raw[half:])


def seen(answer):
    """What is the same at every telling of one refusal."""
    told = problem(Told(answer))
    return answer.status_code, told["code"], told["errors"]


class Told:
    """httpx's answer in the words of Django's."""

    def __init__(self, answer):
        self.status_code, self.content = answer.status_code, answer.content
        self.headers, self.json = answer.headers, answer.json

    def __getitem__(self, name):
        return self.headers[name]


REFUSED = {
    "an unknown field": (b'{"nope": 1}', 400, "validation_error"),
    "no JSON": (b"garbage", 400, "parse_error"),
    "too much": (TOO_MUCH, 413, "too_large"),
}


@pytest.mark.parametrize("framing", FRAMINGS[1:])
@pytest.mark.parametrize("sent", REFUSED)
def test_every_write_refuses_what_it_refuses_with_a_length(sent, framing, speak, things, written):
    api, ids = things
    raw, status, code = REFUSED[sent]
    before = written()
    found = {}

    with speak("length", api.key) as plainly, speak(framing, api.key) as call:
        for method, path in WRITES:
            path = path.format(**ids)
            expected, got = (seen(say(method, path, raw, **JSON)) for say in (plainly, call))
            if got != expected or got[:2] != (status, code):
                found[f"{method} {path}"] = expected, got

    assert found == {}
    assert written() == before


@each_framing
def test_a_part_of_a_charge_is_refunded(framing, speak, things):
    api, ids = things
    with speak(framing, api.key) as call:
        answer = call("post", f"/charges/{ids['charge_id']}/refunds", b'{"amount":"0.25"}', **JSON)

    assert (answer.status_code, answer.json()["amount"]) == (201, "0.25")


@each_framing
def test_the_reason_of_a_pause_is_kept(framing, speak, things):
    api, ids = things
    order = f"/installments/orders/{ids['order_id']}"
    with speak(framing, api.key) as call:
        call("post", f"{order}/pause", b'{"reason":"asked for"}', **JSON)

    assert api.get(f"{order}/revisions").json()["results"][0]["reason"] == "asked for"


@each_framing
def test_a_change_is_made(framing, speak, things):
    api, ids = things
    with speak(framing, api.key) as call:
        call("patch", f"/webhooks/endpoints/{ids['endpoint_id']}", b'{"is_active":false}', **JSON)

    assert not Endpoint.objects.get(id=ids["endpoint_id"]).is_active


@each_framing
def test_the_processors_callback_is_read(framing, speak, committed):
    payload, signed = notice("payment_intent.succeeded", "pi_1")
    with speak(framing) as call:
        answer = call("post", "/stripe/webhook", payload.encode(), **JSON | signature(signed))

    assert answer.status_code == 200, answer.content
    assert ProcessorEvent.objects.count() == 1


def signature(signed):
    return {"Stripe-Signature": signed}


@each_framing
def test_a_callback_that_is_too_large_is_refused(framing, speak, committed):
    payload, signed = notice("payment_intent.succeeded", "pi_1")
    raw = payload.encode().ljust(settings.API_MAX_BODY + 1)
    with speak(framing) as call:
        answer = call("post", "/stripe/webhook", raw, **JSON | signature(signed))

    assert seen(answer)[:2] == (413, "too_large")


@pytest.fixture
def log_in(speak, committed):
    """The login form of the admin, filled in by hand."""
    User.objects.create_user("fay", password="correct horse", is_staff=True)
    token = "a" * 32

    def log_in(framing, filler=""):
        fields = {"csrfmiddlewaretoken": token, "username": "fay", "password": "correct horse"}
        raw = str(httpx.QueryParams(fields | {"filler": filler})).encode()
        with speak(framing) as call:
            return call(
                "post", "/admin/login/", raw, Cookie=f"csrftoken={token}",
                **{"Content-Type": "application/x-www-form-urlencoded"},
            )  # fmt: skip

    return log_in


@each_framing
def test_a_form_of_the_admin_is_read(framing, log_in):
    answer = log_in(framing)

    assert (answer.status_code, "sessionid" in answer.cookies) == (302, True)


@each_framing
def test_a_form_of_the_admin_may_be_larger_than_a_body_of_the_api(framing, log_in):
    assert log_in(framing, "x" * 2 * settings.API_MAX_BODY).status_code == 302


def test_a_form_of_the_admin_that_is_too_large_is_refused(log_in):
    answer = log_in("chunked", "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE)

    assert seen(answer)[:2] == (413, "too_large")


@each_framing
def test_the_next_request_of_the_connection_is_answered(framing, speak, things):
    api, _ = things
    with speak(framing, api.key) as call:
        for raw in (b'{"customer_id":"new"}', b"garbage", TOO_MUCH):
            call("post", "/wallets", raw, **JSON)
            assert call("get", "/wallets/theirs").status_code == 200


def test_a_chunked_request_leaves_its_connection_open(speak, things, web):
    api, _ = things
    ports = set()
    with speak("chunked", api.key) as call:
        for raw in (b'{"customer_id":"new"}', b"garbage"):
            stream = call("post", "/wallets", raw, **JSON).extensions["network_stream"]
            ports.add(stream.get_extra_info("client_addr"))

    assert len(ports) == 1


UNUSED = {
    "nothing there": ("/nowhere", 404),
    "no method": ("/events", 405),
    "no type": ("/wallets", 415),
}


@each_framing
@pytest.mark.parametrize("said", UNUSED)
def test_an_answer_that_needs_no_body_leaves_the_connection_open(said, framing, speak, things):
    api, _ = things
    path, status = UNUSED[said]
    with speak(framing, api.key) as call:
        answer = call("post", path, b"{}" * 1000, **{"Content-Type": "text/plain"})
        ports = {port(answer), port(call("get", "/wallets/theirs"))}

    assert (answer.status_code, "connection" in answer.headers) == (status, False)
    assert len(ports) == 1


def port(answer):
    return answer.extensions["network_stream"].get_extra_info("client_addr")


@each_framing
def test_a_stranger_is_refused_and_the_connection_stays_open(framing, speak, committed):
    with speak(framing) as call:
        ports = {port(call("post", "/wallets", b"{}", **JSON)) for _ in range(2)}
        answer = call("post", "/wallets", b"{}", **JSON)

    assert answer.status_code == 401
    assert len(ports) == 1


@each_framing
def test_a_body_that_is_a_little_too_large_leaves_the_connection_open(framing, speak, things):
    api, _ = things
    with speak(framing, api.key) as call:
        answer = call("post", "/wallets", TOO_MUCH, **JSON)
        ports = {port(answer), port(call("get", "/wallets/theirs"))}

    assert (answer.status_code, "connection" in answer.headers) == (413, False)
    assert len(ports) == 1


def test_a_body_that_is_not_read_to_its_end_ends_the_connection(web, things):
    """RFC 9112, 9.6: or the client's next request meets the close."""
    api, _ = things
    at = urlsplit(web)
    head = (
        f"POST /wallets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {10**8}\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port), timeout=20) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))  # until it is closed

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"\r\nconnection: close\r\n" in answer.lower()


# Without a body ----------------------------------------------------------------------------------


@each_framing
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_an_empty_body_with_a_type_is_no_request_to_refund_everything(
    content_type, framing, speak, things
):
    api, ids = things
    headers = {"Content-Type": content_type} if content_type else {}
    with speak(framing, api.key) as call:
        answer = call("post", f"/charges/{ids['charge_id']}/refunds", **headers)

    if content_type:
        assert seen(answer)[:2] == (400, "parse_error")
        assert Charge.objects.get(id=ids["charge_id"]).refunds.count() == 0
    else:
        assert (answer.status_code, answer.json()["amount"]) == (201, "1.00")


@each_framing
def test_an_empty_object_refunds_all_that_is_left(framing, speak, things):
    api, ids = things
    with speak(framing, api.key) as call:
        answer = call("post", f"/charges/{ids['charge_id']}/refunds", b"{}", **JSON)

    assert (answer.status_code, answer.json()["amount"]) == (201, "1.00")


@each_framing
@pytest.mark.parametrize("headers", [{}, JSON], ids=["no type", "JSON"])
def test_what_needs_no_words_is_asked_for_without_a_body(headers, framing, speak, things):
    api, ids = things
    with speak(framing, api.key) as call:
        answer = call("post", f"/installments/orders/{ids['order_id']}/pay-off", **headers)

    assert answer.status_code == 200, answer.content


# Other servers -----------------------------------------------------------------------------------


def test_chunks_that_the_server_did_not_read_are_refused(api):
    answer = api.post("/wallets", {"customer_id": "new"}, **{"transfer-encoding": "chunked"})

    assert (answer.status_code, problem(answer)["code"]) == (411, "length_required")
