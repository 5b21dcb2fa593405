from __future__ import annotations

import pytest
from django.test import Client


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
