"""A query that nobody reads is refused, on every route."""

from __future__ import annotations

import pytest

from payments_project.tests import test_strangers
from payments_project.tests.conftest import operations, partner_routes, problem

READS, WRITES = ("get", "head"), ("post", "put", "patch", "delete")
ROUTES = [
    (method, path, view)
    for path, view in partner_routes()
    for method in (*READS, *WRITES)
    if hasattr(view, "get" if method == "head" else method)
]
LISTS = [
    path
    for method, path, operation in operations()
    if method == "get" and any(p["name"] == "limit" for p in operation.get("parameters", []))
]

NEEDED = {"/payment-methods": "customer_id=theirs&"}
"""What a list must be asked with."""

things = test_strangers.theirs
"""A partner's API, and one of each of its things."""


def ask(api, method, path, query, ids):
    """A request that is fine but for its query."""
    call = getattr(api.client, method)
    headers = api._headers({"idempotency-key": "once"})
    if method in READS:
        return call(f"{path.format(**ids)}?{NEEDED.get(path, '')}{query}", **headers)
    body = test_strangers.BODIES.get((method, path), {})
    return call(f"{path.format(**ids)}?{query}", body, content_type="application/json", **headers)


def expected(method, path):
    return "unknown_filter" if method in READS and path in LISTS else "unknown_parameter"


@pytest.mark.parametrize("query", ["amount=1.00", "reason=", "expand", "%00=%00", "id=a&id=b"])
def test_an_unknown_parameter_is_refused_on_every_route(query, things, written):
    api, ids = things
    before = written()
    found = {}

    for method, path, _ in ROUTES:
        answer = ask(api, method, path, query, ids)
        code = expected(method, path) if method == "head" else problem(answer)["code"]
        if (answer.status_code, code) != (400, expected(method, path)):
            found[f"{method} {path}"] = answer.status_code, answer.content[:200]

    assert found == {}
    assert written() == before


def test_the_parameters_of_a_list_are_none_of_other_calls(things, written):
    """`limit` beside a write, and on what is no list."""
    api, ids = things
    before = written()

    answers = {
        f"{method} {path}": ask(api, method, path, "limit=1", ids).status_code
        for method, path, _ in ROUTES
        if method in WRITES or path not in LISTS
    }

    assert answers == dict.fromkeys(answers, 400)
    assert written() == before


def test_an_unknown_parameter_names_itself(things):
    api, ids = things
    answer = ask(api, "post", "/charges/{charge_id}/refunds", "amount=1.00&to=card", ids)

    found = problem(answer)
    assert found["code"] == "unknown_parameter"
    assert {e["field"]: e["code"] for e in found["errors"]} == dict.fromkeys(
        ("amount", "to"), "unknown_parameter"
    )


def test_a_thousand_parameters_are_refused_too(api):
    query = "&".join(f"p{n}=1" for n in range(1001))

    statuses = [api.client.get(f"/wallets?{query}", **api._headers()).status_code]
    statuses.append(api.post(f"/wallets?{query}", {"customer_id": "ada"}).status_code)

    assert statuses == [400, 400]


def test_a_replay_with_a_parameter_is_refused(things):
    api, _ = things
    body = {"customer_id": "theirs", "amount": "1.00"}
    api.post("/charges", body, key="once")

    answer = api.post("/charges?amount=2.00", body, key="once")

    assert (answer.status_code, problem(answer)["code"]) == (400, "unknown_parameter")


@pytest.mark.parametrize(("method", "path", "view"), ROUTES)
def test_who_may_not_ask_hears_that_first(method, path, view, partner, make_api):
    ids = dict.fromkeys(test_strangers.names(), "00000000-0000-7000-8000-000000000000")
    stranger, without = make_api(partner), make_api(partner, scopes=[])
    stranger.key = "a.b"

    statuses = [ask(api, method, path, "nope=1", ids).status_code for api in (stranger, without)]

    assert statuses == [401, 403]
