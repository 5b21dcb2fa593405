from __future__ import annotations

from base64 import b64encode
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.urls import get_resolver, resolve
from django_filters import rest_framework as filters

from foundation.wire.filters import FlagFilter
from payments_project.tests.conftest import problem

ORDER = "00000000-0000-7000-8000-000000000000"
REVISIONS = f"/installments/orders/{ORDER}/revisions"
"""Of the order that `ada` has changed; the id stands for its own."""
LISTS = [
    "/wallets", "/wallets/ada/ledger", "/charges", "/payment-methods?customer_id=ada",
    "/installments/orders", "/installments/due-installments", REVISIONS, "/events", "/webhooks",
    "/webhooks/endpoints",
]  # fmt: skip
each_list = pytest.mark.parametrize("path", LISTS)


@pytest.fixture
def ada(api):
    """A customer with a wallet and seven rows on most lists."""
    order = {"customer_id": "ada", "amount": "9.00", "installment_count": 1}
    order_id = api.post("/installments/orders", order).json()["id"]
    for n in range(7):
        api.patch(f"/installments/orders/{order_id}", {"auto_apply": n % 2 == 0})
    for n in range(7):
        api.post("/wallets", {"customer_id": "ada" if n == 0 else f"c{n}"})
        api.post("/wallets/ada/credit", {"amount": "10.00"})
        api.post("/charges", {"customer_id": "ada", "amount": "1.00"})
        api.post("/webhooks/endpoints", {"url": "http://127.0.0.1:1/"})
        api.post("/installments/orders", order)
    return api


def there(api, path):
    """The path with the id of the first order."""
    if ORDER not in path:
        return path
    return path.replace(ORDER, api.get("/installments/orders").json()["results"][-1]["id"])


def ask(api, path, **query):
    path = there(api, path)
    return api.get(
        path + ("&" if "?" in path else "?") + "&".join(f"{k}={v}" for k, v in query.items())
    )


def walk(api, link, name="next"):
    """The rows of all pages behind the link."""
    while link:
        parts = urlsplit(link)
        page = api.get(f"{parts.path}?{parts.query}").json()
        yield from page["results"]
        link = page[name]


@each_list
def test_walking_the_pages_sees_every_row_once_newest_first(path, ada):
    whole = ask(ada, path, limit=100).json()["results"]

    walked = list(walk(ada, there(ada, path) + ("&" if "?" in path else "?") + "limit=3"))

    ids = [row["id"] for row in walked]
    assert walked == whole
    assert ids == sorted(set(ids), reverse=True)


def test_the_lists_are_not_empty(ada):
    counts = {path: len(ask(ada, path, limit=100).json()["results"]) for path in LISTS}

    assert {path for path, count in counts.items() if count < 7} == {
        "/payment-methods?customer_id=ada", "/installments/due-installments",
    }  # fmt: skip


def test_walking_back_sees_the_same_rows(ada):
    first = ask(ada, "/wallets", limit=3).json()
    second = ada.get("/wallets?" + urlsplit(first["next"]).query).json()

    back = ada.get("/wallets?" + urlsplit(second["previous"]).query).json()

    assert back["results"] == first["results"]
    assert back["previous"] is None


def test_a_row_that_comes_between_two_pages_moves_nothing(ada):
    whole = [w["id"] for w in ask(ada, "/wallets", limit=100).json()["results"]]
    first = ask(ada, "/wallets", limit=3).json()

    ada.post("/wallets", {"customer_id": "late"})

    rest = [w["id"] for w in walk(ada, first["next"])]
    assert [w["id"] for w in first["results"]] + rest == whole


def test_links_keep_filters_and_limit(ada):
    link = ask(ada, "/wallets", limit=2, currency="USD").json()["next"]

    query = parse_qs(urlsplit(link).query)
    assert (query["limit"], query["currency"]) == (["2"], ["USD"])


def test_25_rows_are_a_page_unless_asked_otherwise(api):
    for n in range(26):
        api.post("/wallets", {"customer_id": f"c{n}"})

    assert len(api.get("/wallets").json()["results"]) == 25
    assert len(api.get("/wallets", limit=26).json()["results"]) == 26


LIMITS = ["0", "-1", "101", "1000000000", "1e9", "abc", "", "1.0", "٣", "%00"]


@each_list
def test_a_limit_outside_1_to_100_is_refused(path, ada):

    problems = {limit: problem(ask(ada, path, limit=limit)) for limit in LIMITS}

    assert {p["status"] for p in problems.values()} == {400}
    assert {p["errors"][0]["field"] for p in problems.values()} == {"limit"}


def cursor(text: str) -> str:
    return quote(b64encode(text.encode()).decode())


TAMPERED = [
    "x", "%00", "é", "====", "cD0", "A" * 5000, cursor("p=abc"), cursor("p=\x00"), cursor("o=abc"),
    cursor("p=' OR 1=1"), cursor("p=1.5"), cursor("o=-1"),
    cursor("p=01a20a75-46b5-7496-8340-6a8e59aa59ebx"),
]  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_a_tampered_cursor_is_refused(path, ada):
    faults = {}
    for text in TAMPERED:
        answer = ask(ada, path, cursor=text)
        if answer.status_code != 400 or problem(answer)["code"] != "invalid_cursor":
            faults[text[:60]] = (answer.status_code, answer.content[:200])

    assert faults == {}


@each_list
def test_an_unknown_filter_is_refused(path, ada):
    names = ["customerid", "partner", "partner_id", "id", "ordering", "page"]

    codes = {name: problem(ask(ada, path, **{name: "x"}))["code"] for name in names}

    assert codes == dict.fromkeys(names, "unknown_filter")


BAD_FILTERS = {
    filters.UUIDFilter: ["x", "%00", "1"],
    filters.IsoDateTimeFilter: ["yesterday", "2026-13-01", "2026-02-30T00:00:00Z", "%00", "1e9"],
    filters.ChoiceFilter: ["nope", "%00"],
    FlagFilter: ["maybe", "2", "True", "%00"],
    filters.CharFilter: ["%00", "a%00b"],
}


def bad_filters(declared):
    return next(BAD_FILTERS[cls] for cls in type(declared).__mro__ if cls in BAD_FILTERS)


def filtered_views():
    found = {}
    for pattern in all_patterns(get_resolver().url_patterns):
        view = getattr(pattern.callback, "view_class", None)
        if getattr(view, "filterset_class", None) is not None:
            found[str(pattern.pattern)] = view
    return found


def all_patterns(patterns):
    for pattern in patterns:
        inner = getattr(pattern, "url_patterns", None)
        yield from all_patterns(inner) if inner is not None else [pattern]


def test_every_filtered_list_is_in_this_suite():
    ours = {resolve(path.partition("?")[0]).func.view_class for path in LISTS}

    assert set(filtered_views().values()) <= ours


@each_list
def test_a_filter_without_sense_is_refused(path, ada):
    filterset = getattr(resolve(path.partition("?")[0]).func.view_class, "filterset_class", None)
    faults = {}
    for name, declared in (filterset.base_filters if filterset else {}).items():
        for value in bad_filters(declared):
            answer = ask(ada, path.partition("?")[0], **{name: value})
            if answer.status_code != 400:
                faults[f"{name}={value}"] = (answer.status_code, answer.content[:200])
            else:
                problem(answer)

    assert faults == {}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-14:00"])
def test_the_ends_of_time_are_no_fault_of_ours(moment, api):
    assert api.get(f"/wallets?created_gte={moment}").status_code in {200, 400}


def test_a_position_beyond_all_numbers_is_no_fault_of_ours(api):
    api.post("/wallets", {"customer_id": "ada"})

    answer = ask(api, "/wallets/ada/ledger", cursor=cursor("p=" + "9" * 30))

    assert answer.status_code in {200, 400}
