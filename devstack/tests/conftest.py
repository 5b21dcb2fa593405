"""A running Stripe sandbox, and Stripe's own client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox, start


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with start() as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> stripe.V1Services:
    client = stripe.StripeClient(
        "sk_test_sandbox", base_addresses={"api": sandbox.url}, max_network_retries=0
    )
    return client.v1
