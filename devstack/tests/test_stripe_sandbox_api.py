"""The rules of the API itself: keys, parameters, amounts, idempotency, lists, the clock."""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox

PAID: Any = {
    "amount": 1000,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
}
BEARER = {"Authorization": "Bearer sk_test_sandbox"}
FORM = {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}


def raw(
    sandbox: Sandbox, method: str, path: str, body: str | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, Any]:
    """The response and its JSON, without the SDK; header names use `_` for `-`."""
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=5)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, {**FORM, **named})
        response = connection.getresponse()
        return response, json.loads(response.read())
    finally:
        connection.close()


def wait_until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


def together(count: int, action: Callable[[], str]) -> list[str | stripe.StripeError]:
    """What each of `count` threads got that began at the same moment."""
    outcomes: list[str | stripe.StripeError] = []
    gate = threading.Barrier(count)

    def run() -> None:
        gate.wait(5)
        try:
            outcomes.append(action())
        except stripe.StripeError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(outcomes) == count
    return outcomes


def test_health_needs_no_key(sandbox: Sandbox) -> None:
    assert sandbox.request("GET", "health") == {"status": "ok"}


@pytest.mark.parametrize("authorization", ["", "Bearer sk_live_x", "Bearer pk_test_x", "Basic !"])
def test_a_wrong_key_is_refused(sandbox: Sandbox, authorization: str) -> None:
    response, body = raw(sandbox, "GET", "/v1/customers", Authorization=authorization)

    assert response.status == 401
    assert body["error"]["type"] == "invalid_request_error"
    assert "code" not in body["error"]


def test_a_key_may_come_as_basic_authorization(sandbox: Sandbox) -> None:
    token = base64.b64encode(b"sk_test_sandbox:").decode()

    response, _ = raw(sandbox, "GET", "/v1/customers", Authorization=f"Basic {token}")

    assert response.status == 200


def test_answers_carry_stripes_headers(sandbox: Sandbox) -> None:
    given = {"Stripe_Version": "2026-01-01.x", "Idempotency_Key": uuid.uuid4().hex}
    first, _ = raw(sandbox, "POST", "/v1/customers", "name=A", **given)
    second, _ = raw(sandbox, "POST", "/v1/customers", "name=A", **given)

    assert str(first.getheader("Request-Id")).startswith("req_")
    assert first.getheader("Stripe-Version") == given["Stripe_Version"]
    assert first.getheader("Idempotency-Key") == given["Idempotency_Key"]
    assert first.getheader("Idempotent-Replayed") is None
    assert second.getheader("Idempotent-Replayed") == "true"


def test_nested_forms_are_read(sandbox: Sandbox) -> None:
    body = "amount=500&currency=usd&metadata[a%20b]=%C3%A9&metadata[_sandbox]=x&expand[]=customer"

    _, intent = raw(sandbox, "POST", "/v1/payment_intents", body)

    assert intent["metadata"] == {"a b": "é", "_sandbox": "x"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        (
            {"automatic_payment_methods": {"enable": True}},
            "parameter_unknown",
            "automatic_payment_methods[enable]",
        ),
        (
            {"automatic_payment_methods": {"allow_redirects": "never"}},
            "parameter_missing",
            "automatic_payment_methods[enabled]",
        ),
        ({"amount": "1_000"}, "parameter_invalid_integer", "amount"),
        ({"amount": "١٢"}, "parameter_invalid_integer", "amount"),
        ({"amount": "10.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 29, "currency": "gbp"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"currency": "xxx"}, None, "currency"),
        ({"currency": "USD"}, None, "currency"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"customer": ""}, "parameter_invalid_empty", "customer"),
        ({"customer": "cus_none"}, "resource_missing", "customer"),
        ({"payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"capture_method": "manual"}, None, "capture_method"),
        ({"off_session": True, "confirm": False}, None, "off_session"),
        ({"metadata": {"k": "v" * 501}}, None, "metadata[k]"),
        ({"metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
        ({"transfer_data": {"destination": "acct_1"}}, None, "transfer_data"),
        ({"expand": ["status"]}, None, "expand"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    sandbox: Sandbox, api: stripe.V1Services, change: Any, code: str | None, param: str
) -> None:
    before = sandbox.summary()

    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.create(PAID | change)

    assert (refused.value.http_status, refused.value.code) == (400, code)
    assert refused.value.param == param
    assert sandbox.summary() == before


def test_the_smallest_and_the_largest_amount_are_taken(api: stripe.V1Services) -> None:
    for amount in (50, 99_999_999):
        assert api.payment_intents.create(PAID | {"amount": amount}).amount_received == amount


def test_a_required_parameter_is_missed(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.create({"amount": 1000})  # type: ignore[typeddict-item]

    assert (refused.value.code, refused.value.param) == ("parameter_missing", "currency")


def test_unknown_objects_and_paths_are_not_found(sandbox: Sandbox, api: stripe.V1Services) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent") as refused:
        api.payment_intents.retrieve("pi_none")

    _, body = raw(sandbox, "GET", "/v1/unicorns")

    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert "Unrecognized request URL (GET: /v1/unicorns)" in body["error"]["message"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, {"Content-Type": "application/json"}, "{}"),
        (400, {"Content-Length": "many"}, None),
        (400, {"Transfer-Encoding": "chunked"}, None),
        (413, {"Content-Length": "99999999"}, None),
        (400, {}, "a[b=1"),
        (400, {}, "=1"),
        (400, {}, "amount=1&amount[a]=2"),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    sandbox: Sandbox, status: int, headers: dict[str, str], body: str | None
) -> None:
    response, answer = raw(sandbox, "POST", "/v1/payment_intents", body, **headers)

    assert response.status == status
    assert answer["error"]["message"]


def test_a_repeated_key_gets_the_same_answer(sandbox: Sandbox, api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    first = api.payment_intents.create(PAID, key)
    before = sandbox.summary()

    second = api.payment_intents.create(PAID, key)

    assert second.to_dict() == first.to_dict()
    assert sandbox.summary() == before


def test_a_replay_is_what_was_answered_and_not_what_is_now(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    created = api.payment_intents.create({"amount": 1000, "currency": "usd"}, key)
    api.payment_intents.cancel(created.id)

    again = api.payment_intents.create({"currency": "usd", "amount": 1000}, key)

    assert again.status == "requires_payment_method"


def test_a_repeated_key_with_another_body_is_refused(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    intent = api.payment_intents.create(PAID, key)

    with pytest.raises(stripe.IdempotencyError, match="same parameters") as refused:
        api.payment_intents.create(PAID | {"amount": 2000}, key)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        api.payment_intents.cancel(intent.id, {}, key)

    assert refused.value.http_status == 400


def test_a_decline_is_replayed(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    charges = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            api.payment_intents.create(PAID | {"payment_method": "pm_card_chargeDeclined"}, key)
        error: Any = refused.value.error
        charges.append(error.charge)

    assert charges[0] == charges[1]


def test_a_refused_state_is_replayed(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    intent = api.payment_intents.create(PAID)
    with pytest.raises(stripe.InvalidRequestError) as first:
        api.payment_intents.confirm(intent.id, {}, key)

    with pytest.raises(stripe.InvalidRequestError) as second:
        api.payment_intents.confirm(intent.id, {}, key)

    headers: Any = second.value.headers
    assert first.value.code == second.value.code == "payment_intent_unexpected_state"
    assert headers["Idempotent-Replayed"] == "true"


def test_a_refused_parameter_does_not_use_up_the_key(api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.create(PAID | {"amount": 1}, key)

    assert api.payment_intents.create(PAID, key).status == "succeeded"


def test_a_key_in_flight_is_refused_without_waiting(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    sandbox.reset()
    sandbox.fault("hang_after", path="/v1/payment_intents$", hang_seconds=1)
    answers: list[Any] = []
    slow = threading.Thread(target=lambda: answers.append(api.payment_intents.create(PAID, key)))
    slow.start()
    wait_until(lambda: sandbox.summary()["payment_intents"])

    with pytest.raises(stripe.APIError) as refused:
        api.payment_intents.create(PAID, key)

    slow.join(5)
    error: Any = refused.value.error
    assert (refused.value.http_status, error.code) == (409, "idempotency_key_in_use")
    assert api.payment_intents.create(PAID, key).id == answers[0].id


def test_one_key_from_many_threads_charges_once(sandbox: Sandbox, api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    sandbox.reset()

    outcomes = together(16, lambda: api.payment_intents.create(PAID, key).id)

    refused = [o for o in outcomes if not isinstance(o, str)]
    assert len({o for o in outcomes if isinstance(o, str)}) == 1
    assert {getattr(error, "http_status", error) for error in refused} <= {409}
    assert sandbox.summary()["payment_intents"] == {"succeeded": 1}


def test_many_keys_on_one_intent_charge_once(sandbox: Sandbox, api: stripe.V1Services) -> None:
    intent = api.payment_intents.create(PAID | {"confirm": False}).id

    outcomes = together(8, lambda: api.payment_intents.confirm(intent).status)

    assert outcomes.count("succeeded") == 1
    assert len(api.charges.list({"payment_intent": intent}).data) == 1


def test_a_key_is_forgotten_after_a_day(sandbox: Sandbox, api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    first = api.payment_intents.create(PAID, key)
    sandbox.advance_clock(23 * 3600)
    still = api.payment_intents.create(PAID, key)

    sandbox.advance_clock(3600 + 5)
    other = api.payment_intents.create(PAID, key)

    assert still.id == first.id != other.id
    assert other.created - first.created >= 24 * 3600


def test_a_key_that_is_too_long_is_refused(api: stripe.V1Services) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        api.payment_intents.create(PAID, {"idempotency_key": "k" * 256})


def test_lists_page_in_both_directions(api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    made = [api.payment_intents.create(PAID | {"customer": customer}).id for _ in range(5)]
    newest_first: Any = made[::-1]

    first = api.payment_intents.list({"customer": customer, "limit": 2})
    second = api.payment_intents.list(
        {"customer": customer, "limit": 2, "starting_after": first.data[-1].id}
    )
    back = api.payment_intents.list(
        {"customer": customer, "limit": 2, "ending_before": newest_first[3]}
    )
    whole = api.payment_intents.list({"customer": customer, "limit": 5})
    everything = api.payment_intents.list({"customer": customer, "limit": 2}).auto_paging_iter()

    assert [i.id for i in first.data] == newest_first[:2]
    assert [i.id for i in second.data] == newest_first[2:4]
    assert [i.id for i in back.data] == newest_first[1:3]
    assert first.has_more
    assert second.has_more
    assert not whole.has_more
    assert [i.id for i in everything] == newest_first


def test_lists_filter_by_time(sandbox: Sandbox, api: stripe.V1Services) -> None:
    customer = api.customers.create({}).id
    old = api.payment_intents.create(PAID | {"customer": customer})
    now = sandbox.advance_clock(100)
    new = api.payment_intents.create(PAID | {"customer": customer})

    recent = api.payment_intents.list({"customer": customer, "created": {"gte": now}})
    earlier = api.payment_intents.list({"customer": customer, "created": {"lt": now}})
    exact = api.payment_intents.list({"customer": customer, "created": old.created})

    assert [i.id for i in recent.data] == [new.id]
    assert [i.id for i in earlier.data] == [old.id]
    assert old.id in [i.id for i in exact.data]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "starting_after=pi_none", "ending_before=%00"]
)
def test_a_bad_page_is_refused(sandbox: Sandbox, query: str) -> None:
    response, body = raw(sandbox, "GET", f"/v1/payment_intents?{query}")

    assert response.status == 400
    assert body["error"]["param"] == query.partition("=")[0]
