from __future__ import annotations

import json
import re
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from payments_project.tests.conftest import operations
from payments_project.tests.test_bad_input import WRITES
from payments_project.tests.test_pagination import LISTS


def get(path):
    return Client().get(path, secure=True)


def test_the_schema_answers_without_a_key():
    schema = yaml.safe_load(get("/schema").content)

    assert schema["openapi"].startswith("3.")
    assert "/charges" in schema["paths"]


def test_every_reference_in_the_schema_resolves():
    schema = yaml.safe_load(get("/schema").content)
    names = re.findall(r'"#/components/schemas/(.*?)"', json.dumps(schema))

    assert set(names) <= set(schema["components"]["schemas"])


def test_operation_ids_are_unique():
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))


def test_every_operation_names_its_refusals_as_problems():
    bare = [
        (method, path, status)
        for method, path, operation in operations()
        for status, answer in operation["responses"].items()
        if status.startswith(("4", "5")) and "application/problem+json" not in answer["content"]
    ]

    assert bare == []


def test_every_body_of_the_schema_has_the_fields_of_its_serializer():
    schemas = yaml.safe_load(get("/schema").content)["components"]["schemas"]
    for write in WRITES:
        names = [n for n in schemas if n.removeprefix("Patched") == f"{write.body.__name__}Request"]
        assert [set(schemas[name]["properties"]) for name in names] == [set(write.body().fields)]


def parameters(path):
    path = path.partition("?")[0]
    gets = {found: operation for method, found, operation in operations() if method == "get"}
    pattern = next(f for f in gets if re.fullmatch(re.sub(r"\{.*?\}", "[^/]+", f), path))
    operation = gets.get(path, gets[pattern])
    return {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}


@pytest.mark.parametrize("path", LISTS)
def test_every_list_describes_its_pages_and_filters(path):
    view = resolve(path.partition("?")[0]).func.view_class
    filterset = getattr(view, "filterset_class", None)
    names = set(filterset.base_filters) if filterset else set()

    assert parameters(path) == {"cursor", "limit"} | names


def assets(html, page):
    """Where the page's scripts, styles and pictures come from."""
    links = re.findall(r'<(?:script|img|iframe|link)[^>]*?(?:src|href)="([^"]*)"', html)
    return [urljoin(page, link) for link in links if not link.startswith("data:")]


@pytest.mark.parametrize("path", ["/docs", "/docs/errors"])
def test_the_docs_load_nothing_from_elsewhere(path, plain_static):
    html = get(path).content.decode()

    assert {urlsplit(link).netloc for link in assets(html, "https://testserver/")} <= {"testserver"}
    assert not re.search(r"@import|url\(", html)


def test_the_scripts_of_the_docs_are_ours(plain_static):
    links = assets(get("/docs").content.decode(), "https://testserver/")
    paths = [urlsplit(link).path.removeprefix("/static/") for link in links]

    assert paths
    assert [path for path in paths if finders.find(path) is None] == []


def test_the_docs_read_our_schema(plain_static):
    assert 'url: "/schema"' in get("/docs").content.decode()


def test_the_index_says_where_things_are():
    links = {k: v for k, v in get("/").json().items() if v.startswith("https://testserver/")}

    assert {"docs", "schema", "health"} <= set(links)


# Served -----------------------------------------------------------------------------------------


def test_the_schema_is_built_once(monkeypatch):
    first = get("/schema")
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)

    assert get("/schema").content == first.content


def test_the_schema_may_be_kept_for_minutes():
    answer = get("/schema")

    assert answer["Content-Type"] == "application/vnd.oai.openapi"
    assert answer["Cache-Control"] == "public, max-age=300"


def test_who_has_the_schema_is_not_sent_it_again():
    etag = get("/schema")["ETag"]

    again = Client().get("/schema", headers={"if-none-match": etag}, secure=True)

    assert (again.status_code, again.content) == (304, b"")


def test_the_schema_does_not_describe_itself():
    assert not [path for _, path, _ in operations() if path.startswith("/schema")]
