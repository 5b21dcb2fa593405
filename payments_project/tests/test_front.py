"""Who sends slowly, or nothing, holds a connection and no thread: through the server."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.db import connection

from devstack.stack import GRANIAN
from payments_project.tests.conftest import problem
from payments_project.tests.test_bodies import Told

HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
IDLE = {
    "no byte": "",
    "half a header": HEAD,
    "a header and no body": HEAD + "Content-Length: 500\r\n\r\n",
    "half a body": HEAD + "Content-Length: 500\r\n\r\n{{",
    "a chunk and no more": HEAD + "Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n",
}
PATHS = ("/stripe/webhook", "/charges", "/admin/login/", "/health")
CONNECTIONS_EACH = 12
SECONDS = 5.0


@pytest.fixture
def open_idle(web):
    """`open_idle(text)`: one more connection on which only the text was sent."""
    with ExitStack() as stack:

        def open_idle(text):
            at = urlsplit(web)
            one = stack.enter_context(socket.create_connection((at.hostname, at.port), 20))
            one.sendall(text.encode())
            return one

        yield open_idle


@pytest.mark.parametrize("kind", IDLE)
def test_idle_connections_keep_nobody_waiting(kind, open_idle, api, web):
    for key in (api.key, "nobody.knows"):
        for path in PATHS:
            for _ in range(CONNECTIONS_EACH):
                open_idle(IDLE[kind].format(path=path, key=key))

    headers = {"Authorization": f"Bearer {api.key}"}
    with httpx.Client(base_url=web, headers=headers, timeout=SECONDS) as client:
        answers = [client.get(path) for path in ("/health", "/charges", "/admin/login/")]
        wallet = client.post("/wallets", json={"customer_id": kind.replace(" ", "-")})

    assert [answer.status_code for answer in [*answers, wallet]] == [200, 200, 200, 201]


def test_a_body_that_does_not_come_in_time_is_refused(open_idle, api):
    one = open_idle(IDLE["half a body"].format(path="/wallets", key=api.key))

    answer = received(one)

    assert (answer.status_code, problem(Told(answer))["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"


def test_bytes_now_and_then_do_not_stretch_the_time(open_idle, api):
    one = open_idle(IDLE["half a body"].format(path="/wallets", key=api.key))
    over = threading.Event()

    def drip():
        while not over.wait(0.5):
            one.send(b" ")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        answer = received(one)
    finally:
        over.set()
        dripping.join()

    assert answer.status_code == 408


def received(one):
    """The answer of a connection that the server then closes."""
    raw = b""
    while part := one.recv(65536):
        raw += part
    head, _, content = raw.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return httpx.Response(int(status.split()[1]), headers=headers, content=content)


def test_health_answers_while_every_thread_waits_for_the_database(api, web):
    """A locked table holds all threads of all processes, and that of readiness is another."""
    with ExitStack() as stack:
        cursor = stack.enter_context(connection.cursor())
        cursor.execute("BEGIN")
        stack.callback(cursor.execute, "ROLLBACK")
        cursor.execute("LOCK TABLE wallets_wallet IN ACCESS EXCLUSIVE MODE")
        for _ in range(6 * settings.WEB_THREADS):
            one = stack.enter_context(socket.create_connection(address(web), 20))
            head = f"GET /wallets HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.key}"
            one.sendall(f"{head}\r\n\r\n".encode())

        answers = [
            httpx.get(f"{web}{path}", timeout=SECONDS).status_code
            for path in ("/health", "/health/ready") * 4
        ]

    assert set(answers[::2]) == {200}
    assert set(answers[1::2]) <= {200, 503}


def address(web):
    return urlsplit(web).hostname, urlsplit(web).port


def test_what_looks_like_a_header_of_ours_is_nobodys(web, speak_raw):
    """`X_Request_Id` and `X-Request-Id` are one name in WSGI."""
    assert b"x-request-id: mine" not in speak_raw("X_Request_Id: mine").lower()
    assert b"x-request-id: mine" in speak_raw("X-Request-Id: mine").lower()


@pytest.fixture
def speak_raw(open_idle):
    def speak_raw(line):
        one = open_idle(f"GET /health HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n")
        return one.recv(65536)

    return speak_raw


def test_the_image_starts_what_is_tested():
    """But for its address, its log and the time that it has to end in."""
    docker = (settings.BASE_DIR / "Dockerfile").read_text()
    command = re.findall(r'"([^"]+)"', docker[docker.index('CMD ["granian"') :])
    own = {"--host", "--port", "--workers-kill-timeout"}

    assert options(command[1:], own) == options(GRANIAN[2:], own) - {"--no-access-log"}


def options(words, without):
    """Each option with its value."""
    text = " ".join(words)
    found = {f"{name} {value}".strip() for name, value in re.findall(r"(--[\w-]+) ?([^-]*)", text)}
    return {option.strip() for option in found if option.split()[0] not in without}
