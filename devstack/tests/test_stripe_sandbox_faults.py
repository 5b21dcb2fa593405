"""Faults on order: what was executed and what the caller gets to know."""

from __future__ import annotations

import urllib.error
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox, start

PAID: Any = {
    "amount": 1000,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with start() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[stripe.V1Services]:
    impatient = stripe.RequestsClient(timeout=0.3)
    client = stripe.StripeClient(
        "sk_test_sandbox",
        base_addresses={"api": sandbox.url},
        max_network_retries=0,
        http_client=impatient,
    )
    yield client.v1
    impatient.close()


def succeeded(sandbox: Sandbox) -> int:
    count: int = sandbox.summary()["payment_intents"].get("succeeded", 0)
    return count


@pytest.mark.parametrize(
    ("action", "error", "status"),
    [
        ("drop_before", stripe.APIConnectionError, None),
        ("hang_before", stripe.APIConnectionError, None),
        ("error_500_before", stripe.APIError, 500),
        ("rate_limit_429", stripe.RateLimitError, 429),
        ("conflict_409", stripe.APIError, 409),
        ("unauthorized_401", stripe.AuthenticationError, 401),
    ],
)
def test_a_fault_before_leaves_nothing_and_the_key_unused(
    sandbox: Sandbox,
    api: stripe.V1Services,
    action: str,
    error: type[stripe.StripeError],
    status: int | None,
) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    sandbox.fault(action, path="/v1/payment_intents$")

    with pytest.raises(error) as failed:
        api.payment_intents.create(PAID, key)

    assert failed.value.http_status == status
    assert succeeded(sandbox) == 0
    assert api.payment_intents.create(PAID, key).status == "succeeded"
    assert succeeded(sandbox) == 1


@pytest.mark.parametrize("action", ["drop_after", "hang_after", "garbage"])
def test_a_lost_answer_is_found_again_by_its_key(
    sandbox: Sandbox, api: stripe.V1Services, action: str
) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    sandbox.fault(action)

    with pytest.raises((stripe.APIConnectionError, stripe.APIError)):
        api.payment_intents.create(PAID, key)

    assert succeeded(sandbox) == 1
    again = stripe.StripeClient(
        "sk_test_sandbox", base_addresses={"api": sandbox.url}, max_network_retries=2
    )
    assert again.v1.payment_intents.create(PAID, key).status == "succeeded"
    assert succeeded(sandbox) == 1


def test_a_500_that_is_kept_is_replayed_for_its_key_and_nothing_was_done(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    sandbox.fault("error_500_kept", path="/v1/payment_intents$")

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            api.payment_intents.create(PAID, key)

    assert succeeded(sandbox) == 0
    assert api.payment_intents.create(PAID).status == "succeeded"


def test_a_500_after_the_execution_is_replayed_for_its_key(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    intent = api.payment_intents.create(PAID | {"confirm": False})
    sandbox.fault("error_500_after", path="/confirm$")

    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            api.payment_intents.confirm(intent.id, {}, key)
        assert failed.value.http_status == 500

    assert api.payment_intents.retrieve(intent.id).status == "succeeded"


def test_a_wrong_amount_is_told_consistently_and_not_counted(
    sandbox: Sandbox, api: stripe.V1Services
) -> None:
    intent = api.payment_intents.create(PAID | {"confirm": False})
    sandbox.fault("wrong_amount", path="/confirm$")

    confirmed = api.payment_intents.confirm(intent.id)

    retrieved = api.payment_intents.retrieve(intent.id)
    event: Any = api.events.list({"type": "payment_intent.succeeded"}).data[0].data.object
    assert intent.amount == 1000
    assert confirmed.amount == confirmed.amount_received == 1001
    assert retrieved.amount == retrieved.amount_received == 1001
    assert event["amount_received"] == 1001
    assert sandbox.summary()["succeeded_amount"] == {"usd": 1000}


def test_a_wrong_amount_can_come_with_a_retrieval(sandbox: Sandbox, api: stripe.V1Services) -> None:
    intent = api.payment_intents.create(PAID)
    sandbox.fault("wrong_amount", method="GET")

    assert [api.payment_intents.retrieve(intent.id).amount for _ in range(2)] == [1001, 1001]


def test_a_fault_strikes_as_often_as_ordered(sandbox: Sandbox, api: stripe.V1Services) -> None:
    fault = sandbox.fault("error_500_before", times=2)

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            api.payment_intents.create(PAID)
    api.payment_intents.create(PAID)

    assert [(f["id"], f["hits"]) for f in sandbox.faults()] == [(fault, 2)]


def test_a_fault_strikes_only_what_it_names(sandbox: Sandbox, api: stripe.V1Services) -> None:
    sandbox.fault("error_500_before", path="^/v1/refunds")
    sandbox.fault("error_500_before", body_contains=r"metadata\[charge\]=c 42(&|$)")

    api.payment_intents.create(PAID | {"metadata": {"charge": "c 421"}})
    with pytest.raises(stripe.APIError):
        api.payment_intents.create(PAID | {"metadata": {"charge": "c 42"}})

    assert succeeded(sandbox) == 1


def test_cleared_faults_do_not_strike(sandbox: Sandbox, api: stripe.V1Services) -> None:
    sandbox.fault("error_500_before", times=9)

    sandbox.clear_faults()

    assert sandbox.faults() == []
    assert api.payment_intents.create(PAID).status == "succeeded"


@pytest.mark.parametrize(
    "order",
    [{"action": "explode"}, {"action": "garbage", "path": "("}, {"action": "garbage", "x": 1}],
)
def test_a_fault_that_means_nothing_is_refused(sandbox: Sandbox, order: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.request("POST", "faults", order)

    refused.value.close()
    assert refused.value.code == 400
    assert sandbox.faults() == []


def test_a_reset_forgets_everything(sandbox: Sandbox, api: stripe.V1Services) -> None:
    key: Any = {"idempotency_key": uuid.uuid4().hex}
    first = api.payment_intents.create(PAID, key)

    sandbox.reset()

    assert sandbox.summary() == {"payment_intents": {}, "succeeded_amount": {}}
    assert api.events.list().data == []
    assert api.payment_intents.create(PAID, key).id != first.id
