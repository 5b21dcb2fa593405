from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.urls import URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from conftest import server_environment
from devstack import ports
from devstack.processes import Process
from devstack.stack import GRANIAN
from partners import services as partner_services
from partners.api import PartnerView
from payments_project import problems

APPS = ("partners_", "webhooks_", "wallets_", "charges_", "installments_")
MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation) of the OpenAPI schema."""
    generator: Any = SchemaGenerator
    schema = generator().get_schema(request=None, public=True)
    return [
        (method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def partner_routes() -> list[tuple[str, type[PartnerView]]]:
    """(path, view) of every route of the partner API; ids stand in the path as `{order_id}`."""
    return [
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path), callback.cls)
        for path, callback in _routes(get_resolver(), "/")
        if issubclass(getattr(callback, "cls", object), PartnerView)
    ]


def _routes(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in resolver.url_patterns:
        path = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern, path)
        else:
            yield path, pattern.callback


def problem(answer):
    """The answer's problem, proven to have the contract's shape."""
    assert answer["Content-Type"] == "application/problem+json", answer.content[:300]
    body = answer.json()
    assert set(body) == MEMBERS
    assert body["status"] == answer.status_code
    assert body["type"].endswith(f"/docs/errors/{body['code']}")
    assert body["code"] in problems.catalogue()
    assert body["request_id"] == answer["X-Request-Id"]
    assert all(set(error) == {"field", "code", "detail"} for error in body["errors"])
    return body


class Raw:
    """A JSON literal as it stands."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self):
        return f"Raw({self.text})"


def dump(body):
    """JSON text, with Raw literals in their places."""
    text = json.dumps(body, default=lambda raw: f"@raw:{raw.text}@")
    return re.sub(r'"@raw:(.*?)@"', lambda found: found[1], text)


@pytest.fixture
def send(api):
    """A write with the body's very bytes."""

    def send(method, path, raw, content_type="application/json", key=None, **headers):
        headers |= {
            "authorization": f"Bearer {api.key}",
            "idempotency-key": uuid4().hex if key is None else key,
        }
        call = getattr(Client(raise_request_exception=False), method)
        return call(path, raw, content_type=content_type, headers=headers, secure=True)

    return send


@pytest.fixture(scope="session")
def web(database, tmp_path_factory):
    """The address of granian, started as `make run` starts it, on this test's database."""
    port = ports.claim_any()
    log = tmp_path_factory.mktemp("web") / "web.log"
    command = [sys.executable, *GRANIAN, "--port", str(port)]
    environment = server_environment() | {"DEBUG": "1"}
    process = Process("web", command, environment, django_settings.BASE_DIR, log)
    process.start()
    address = f"http://127.0.0.1:{port}"
    process.wait_until(lambda: _answers(f"{address}/health"), 60)
    yield address
    process.stop()


def _answers(url):
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def written(committed):
    """The content of all the apps' tables but keys, whose last use moves."""
    tables = [
        name
        for name in connection.introspection.table_names()
        if name.startswith(APPS) and name != "partners_apikey"
    ]
    sql = " UNION ALL ".join(
        f"SELECT '{name}', md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t"
        for name in tables
    )

    def written():
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return dict(cursor.fetchall())

    return written


@pytest.fixture
def other_partner(committed, now):
    return partner_services.create_partner(name="Other", now=now)


@pytest.fixture
def plain_static(settings):
    """Static files by their names: no collectstatic ran for the tests."""
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
