"""The bad-input table, applied to every field of every write endpoint that the schema knows."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any, NamedTuple

import pytest

from charges.bodies import ChargeBody, PaymentMethodBody, RefundBody, SetupBody
from foundation.wire.serializers import Body
from installments.bodies import (
    InstallmentChanges,
    OrderBody,
    OrderChanges,
    ReasonBody,
    ReopenBody,
    ResumeBody,
    WriteOffBody,
)
from payments_project.tests.bad_values import bad_values, places
from payments_project.tests.conftest import dump, operations, problem
from wallets.serializers import MovementBody, WalletBody, WalletChanges
from webhooks.serializers import EndpointBody, EndpointChanges, ReplayBody

NEXT_YEAR = date.today().year + 1  # noqa: DTZ011 -- any zone's will do
BY_PERCENTAGE = [{"recipient": "bob", "percentage": "12.5"}]
BY_AMOUNT = [{"recipient": "bob", "amount": "5.00"}]
RULE = {
    "customer_id": "ada", "amount": "100.00", "currency": "USD", "installment_count": 3,
    "frequency": "monthly", "interval": 1, "first_due_date": f"{NEXT_YEAR}-01-31",
    "down_payment": "10.00",
    "remainder": "spread", "installment_amount": "30.00", "timezone": "UTC",
    "payment_method": "pm_card_visa", "split_instructions": BY_PERCENTAGE,
    "description": "a sofa", "metadata": {"a": 1}, "activate": False, "due_hour": 8,
    "late_fee": {"percentage": "5", "grace_days": 3, "cap": "20.00"}, "auto_apply": True,
}  # fmt: skip
SCHEDULE = {
    "customer_id": "ada", "amount": "100.00", "split_instructions": BY_AMOUNT,
    "schedule": [
        {"amount": "60.00", "due_date": f"{NEXT_YEAR}-01-31"},
        {"amount": "40.00", "due_date": f"{NEXT_YEAR}-02-28"},
    ],
    "late_fee": {"amount": "5.00"},
}  # fmt: skip
HASH = {"preview_hash": "0" * 64}
"""Creating an order with it is refused; a preview looks at its form alone."""
REASON = {"reason": "asked for"}
CHARGE = {
    "customer_id": "ada", "amount": "10.00", "currency": "USD", "payment_method": "pm_card_visa",
    "use_wallet": True, "split_instructions": BY_PERCENTAGE, "description": "a",
    "metadata": {"a": 1},
}  # fmt: skip
MOVEMENT = {"amount": "5.00", "description": "a", "reference": "r"}
CARD = {"customer_id": "ada", "payment_method": "pm_card_visa", "default": True}
REFUND = {"amount": "1.00", "reason": "damaged", "refund_to": "wallet"}
SETUP = {"customer_id": "ada", "default": True}
ENDPOINT = {"url": "https://8.8.8.8/", "event_types": ["charge.failed"], "description": "a"}

WINDOW = {"since": "2026-01-31T09:00:00Z", "until": "2026-02-01T00:00:00.5+02:00"}


class Write(NamedTuple):
    method: str
    path: str
    body: type[Body]
    examples: list[dict[str, Any]]
    answers: tuple[int, ...] = (200, 201)
    """To the examples: 409 or 422 where only the state of things, or Stripe, refuses them."""


WRITES = [
    Write("post", "/wallets", WalletBody, [{"customer_id": "new", "currency": "USD"}]),
    Write("patch", "/wallets/{customer_id}", WalletChanges, [{"is_active": True}]),
    Write("post", "/wallets/{customer_id}/credit", MovementBody, [MOVEMENT]),
    Write("post", "/wallets/{customer_id}/debit", MovementBody, [MOVEMENT]),
    Write("post", "/charges", ChargeBody, [CHARGE, CHARGE | {"split_instructions": BY_AMOUNT}]),
    Write("post", "/charges/{charge_id}/refunds", RefundBody, [REFUND]),
    Write("post", "/payment-methods", PaymentMethodBody, [CARD]),
    Write(
        "post", "/payment-methods", PaymentMethodBody, [CARD | {"stripe_customer": "cus_1"}], (422,)
    ),
    Write("post", "/payment-methods/setup", SetupBody, [SETUP]),
    Write("post", "/installments/orders", OrderBody, [RULE, SCHEDULE]),
    Write("post", "/installments/orders/preview", OrderBody, [RULE | HASH, SCHEDULE]),
    Write(
        "patch", "/installments/orders/{order_id}", OrderChanges,
        [REASON | {"payment_method": "pm_card_visa", "auto_apply": True}],
    ),
    Write("post", "/installments/orders/{order_id}/pause", ReasonBody, [REASON]),
    Write(
        "post", "/installments/orders/{order_id}/resume", ResumeBody, [REASON | {"dates": "shift"}]
    ),
    Write("post", "/installments/orders/{order_id}/cancel", ReasonBody, [REASON]),
    Write("post", "/installments/orders/{order_id}/reinstate", ReasonBody, [REASON]),
    Write("post", "/installments/orders/{order_id}/write-off", WriteOffBody, [REASON], (409,)),
    Write(
        "post", "/installments/installments/{installment_id}/reopen", ReopenBody,
        [REASON | {"due_date": f"{NEXT_YEAR}-03-31"}], (409,),
    ),
    Write(
        "patch", "/installments/installments/{installment_id}", InstallmentChanges,
        [REASON | {"due_date": f"{NEXT_YEAR}-03-31"}],
    ),
    Write("post", "/webhooks/endpoints", EndpointBody, [ENDPOINT]),
    Write("post", "/webhooks/endpoints/{endpoint_id}/replay", ReplayBody, [WINDOW]),
    Write(
        "patch", "/webhooks/endpoints/{endpoint_id}", EndpointChanges,
        [ENDPOINT | {"is_active": True}],
    ),
]  # fmt: skip
SERVER_OWNED = {
    "id": "01a20a6d-556b-70be-827b-6015a698696a", "partner": "x", "partner_id": "x",
    "status": "succeeded", "balance": "1.00", "held": "0.00", "available": "1.00",
    "created_at": "2026-01-01T00:00:00Z", "secret": "whsec_", "amount_paid": "1.00",
    "sequence": 1, "attempts": 0, "__proto__": {}, "": 1,
}  # fmt: skip
write = pytest.mark.parametrize("write", WRITES, ids=lambda w: f"{w.method} {w.path}")


@pytest.fixture
def ids(api):
    """A world in which every example is fine; the ids for the paths."""
    for customer in ("ada", "bob"):
        api.post("/wallets", {"customer_id": customer})
    api.post("/wallets/ada/credit", {"amount": "50.00"})
    endpoint = api.post("/webhooks/endpoints", ENDPOINT).json()
    charge = api.post("/charges", {"customer_id": "ada", "amount": "20.00"}).json()
    order = api.post("/installments/orders", RULE | {"activate": True}).json()
    return {
        "customer_id": "ada",
        "endpoint_id": endpoint["id"],
        "charge_id": charge["id"],
        "order_id": order["id"],
        "installment_id": order["installments"][1]["id"],
    }


def with_value(example, path, value):
    body = copy.deepcopy(example)
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return body


def fault(answer):
    """What is wrong with a refusal; nothing if it is a 400 in the contract's shape."""
    if answer.status_code != 400:
        return f"{answer.status_code} {answer.content[:120]}"
    problem(answer)
    return None


def test_every_write_with_a_body_is_in_the_table():
    writes = {
        (method, path) for method, path, operation in operations() if "requestBody" in operation
    }

    assert writes == {(w.method, w.path) for w in WRITES}


@write
def test_the_examples_give_every_field(write):
    same = [other for other in WRITES if other[:2] == write[:2]]
    given = {name for other in same for example in other.examples for name in example}
    if write.path == "/installments/orders":
        given |= set(HASH)

    assert given == set(write.body().fields)


@write
def test_the_examples_are_accepted(write, ids, send, sandbox):
    for example in write.examples:
        answer = send(write.method, write.path.format(**ids), dump(example))

        assert answer.status_code in write.answers, answer.content


@write
def test_every_field_refuses_every_bad_value(write, ids, send, written, sandbox):
    before = written()
    faults = {}
    for example in write.examples:
        for path, field in places(write.body, example):
            for value in bad_values(field):
                body = dump(with_value(example, path, value))
                answer = send(write.method, write.path.format(**ids), body)
                if found := fault(answer):
                    faults[f"{'.'.join(map(str, path))} = {value!r}"[:100]] = found
            if written() != before:
                faults[f"{path} wrote"] = [t for t, c in written().items() if before[t] != c]
                before = written()

    assert faults == {}


@write
def test_fields_of_the_server_are_refused(write, ids, send, written):
    before, faults = written(), {}
    for name, value in SERVER_OWNED.items():
        if name in write.body().fields:
            continue
        body = dump(write.examples[0] | {name: value})
        answer = send(write.method, write.path.format(**ids), body)
        codes = {(e["field"], e["code"]) for e in answer.json().get("errors", [])}
        if answer.status_code != 400 or (name, "unknown_field") not in codes:
            faults[name] = answer.content

    assert not faults
    assert written() == before


@write
def test_required_fields_are_required(write, ids, send, written):
    before = written()
    required = {name for name, field in write.body().fields.items() if field.required}

    answer = send(write.method, write.path.format(**ids), "{}")

    if required:
        assert {(e["field"], e["code"]) for e in problem(answer)["errors"]} == {
            (name, "required") for name in required
        }
        assert written() == before
    else:
        assert answer.status_code in {200, 201, 400}


NEEDS_KEY = [
    (method, path)
    for method, path, operation in operations()
    if any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", []))
]


def test_money_and_agreements_need_an_idempotency_key():
    assert {
        ("post", "/wallets/{customer_id}/credit"),
        ("post", "/wallets/{customer_id}/debit"),
        ("post", "/charges"),
        ("post", "/charges/{charge_id}/refunds"),
        ("post", "/installments/orders"),
    } <= set(NEEDS_KEY)


@pytest.mark.parametrize(("method", "path"), NEEDS_KEY)
def test_a_malformed_idempotency_key_is_refused(method, path, ids, send, written):
    before = written()
    example = next(w.examples[0] for w in WRITES if (w.method, w.path) == (method, path))

    for key in ["", "é", "x" * 256, "a\tb", "a\x7f", "\u200b"]:
        answer = send(method, path.format(**ids), dump(example), key=key)
        assert problem(answer)["code"] == "idempotency_key_required", key

    assert written() == before


def test_an_action_without_a_body_refuses_fields(api, ids):
    order = api.post("/installments/orders", RULE).json()

    answer = api.post(f"/installments/orders/{order['id']}/cancel", {"status": "completed"})

    assert answer.status_code == 400
    assert api.get(f"/installments/orders/{order['id']}").json()["status"] == "pending"
