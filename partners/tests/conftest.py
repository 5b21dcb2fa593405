from __future__ import annotations

import socket

import pytest
from django.test import Client

from partners import broker


@pytest.fixture
def call():
    """GET (or POST) with whatever stands in Authorization."""

    def call(authorization=None, path="/wallets", method="get", **headers):
        if authorization is not None:
            headers["authorization"] = authorization
        client = Client(raise_request_exception=False)
        send = getattr(client, method)
        return send(path, headers=headers, secure=True)

    return call


@pytest.fixture
def dead_broker(committed, settings):
    """A broker that refuses connections."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.CACHE_URL = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    broker.client.cache_clear()
    yield
    broker.client.cache_clear()
    broker.circuit.open_until = 0.0
