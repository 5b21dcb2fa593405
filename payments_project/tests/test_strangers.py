"""Every route with an id: another partner's, one of nobody, not an id."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from payments_project.tests.conftest import operations, problem
from payments_project.tests.test_bad_input import WRITES

OPERATIONS = [(method, path) for method, path, _ in operations() if "{" in path]
BODIES = {(w.method, w.path): w.examples[0] for w in WRITES}


@pytest.fixture
def theirs(other_partner, make_api, sandbox):
    """The other partner's API, and one of each of its things."""
    other = make_api(other_partner)
    endpoint = other.post("/webhooks/endpoints", {"url": "http://127.0.0.1:1/"}).json()
    other.post("/wallets", {"customer_id": "theirs"})
    other.post("/wallets/theirs/credit", {"amount": "10.00"})
    charge = other.post("/charges", {"customer_id": "theirs", "amount": "1.00"}).json()
    card = {"customer_id": "theirs", "payment_method": "pm_card_visa"}
    card = other.post("/payment-methods", card).json()
    order = {"customer_id": "theirs", "amount": "9.00", "installment_count": 1}
    order = other.post("/installments/orders", order).json()
    return other, {
        "customer_id": "theirs",
        "charge_id": charge["id"],
        "payment_method_id": card["id"],
        "order_id": order["id"],
        "installment_id": order["installments"][0]["id"],
        "endpoint_id": endpoint["id"],
        "event_id": other.get("/events").json()["results"][0]["id"],
        "delivery_id": other.get("/webhooks").json()["results"][0]["id"],
    }


def call(api, method, path):
    body = BODIES.get((method, path))
    return lambda ids: getattr(api, method)(
        path.format(**ids), *([body or {}] if method in {"post", "patch"} else [])
    )


def faults(api, ids):
    """Operations whose answer is no 404 problem."""
    found = {}
    for method, path in OPERATIONS:
        answer = call(api, method, path)(ids)
        if answer.status_code != 404 or problem(answer)["code"] != "not_found":
            found[f"{method} {path}"] = (answer.status_code, answer.content[:200])
    return found


def test_another_partners_things_are_not_there(api, theirs, written):
    _, ids = theirs
    before = written()

    assert faults(api, ids) == {}
    assert written() == before


def test_the_owner_sees_what_others_do_not(theirs):
    other, ids = theirs
    reads = [(method, path) for method, path in OPERATIONS if method == "get"]

    statuses = {path: call(other, method, path)(ids).status_code for method, path in reads}

    assert statuses == dict.fromkeys(statuses, 200)


def names():
    return {name for _, path in OPERATIONS for name in re.findall(r"\{(.*?)\}", path)}


def test_things_of_nobody_are_not_there(api, written):
    before = written()

    assert faults(api, {name: str(uuid4()) for name in names()}) == {}
    assert written() == before


NO_IDS = ["x", "0", "-1", "%ff", "%E2%80%AE", "'; DROP TABLE", "x" * 2000, "..%2f"]


@pytest.mark.parametrize("texts", [NO_IDS, ["%00", "a%00b"]], ids=["text", "NUL"])
def test_what_is_no_id_is_not_there(texts, api, written):
    before = written()

    assert {text: faults(api, dict.fromkeys(names(), text)) for text in texts} == {
        text: {} for text in texts
    }
    assert written() == before


def test_lists_show_nothing_of_others(api, theirs):
    for path in (
        "/wallets", "/charges", "/payment-methods?customer_id=theirs", "/installments/orders",
        "/installments/due-installments", "/webhooks", "/webhooks/endpoints",
    ):  # fmt: skip
        assert api.get(path).json()["results"] == [], path


def test_an_idempotency_key_of_another_partner_is_no_replay(api, theirs):
    other, _ = theirs
    body = {"customer_id": "ada", "amount": "1.00"}
    first = other.post("/charges", body, key="same").json()

    second = api.post("/charges", body, key="same")

    assert second.json()["id"] != first["id"]
    assert "Idempotent-Replayed" not in second


def test_anothers_wallet_is_no_recipient_of_a_split(api, theirs):
    api.post("/wallets", {"customer_id": "ada"})
    api.post("/wallets/ada/credit", {"amount": "10.00"})
    split = [{"recipient": "theirs", "percentage": "10"}]

    answer = api.post(
        "/charges", {"customer_id": "ada", "amount": "5.00", "split_instructions": split}
    )

    assert (answer.status_code, problem(answer)["code"]) == (422, "unknown_recipient")
