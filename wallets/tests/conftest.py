from __future__ import annotations

import pytest

from wallets.tests.steps import open_wallet


@pytest.fixture
def ada(api):
    """A customer with 100.00 USD."""
    return open_wallet(api, "ada", "100.00")
