from __future__ import annotations

import os

import pytest

from charges.gateway.client import client
from wallets.tests.steps import open_wallet


@pytest.fixture
def ada(api):
    """A customer with 100.00 USD."""
    return open_wallet(api, "ada", "100.00")


@pytest.fixture
def poor_ada(api):
    """A customer with 30.00 USD."""
    return open_wallet(api, "ada", "30.00")


@pytest.fixture
def impatient(settings):
    """Stripe has a moment to answer."""
    settings.STRIPE_TIMEOUT = 0.3
    client.cache_clear()
    yield
    client.cache_clear()


@pytest.fixture
def no_processor(settings):
    """Whoever asks Stripe fails: nobody listens."""
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    client.cache_clear()
    yield
    settings.STRIPE_API_BASE = os.environ["STRIPE_API_BASE"]
    client.cache_clear()
