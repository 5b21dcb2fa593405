"""What the tests of wallets, and of the apps above, do first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from django.db import connection

from foundation.actors import Actor
from wallets import services
from wallets.models import Account

BARRIER_SECONDS = 20


def race(*acts):
    """All acts start at once, each in a thread of its own; their results in order."""
    barrier = threading.Barrier(len(acts))

    def run(act):
        try:
            barrier.wait(BARRIER_SECONDS)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def open_wallet(api, customer_id, amount=None, currency="USD"):
    """The customer's new wallet with the amount in it."""
    assert (
        api.post("/wallets", {"customer_id": customer_id, "currency": currency}).status_code == 201
    )
    if amount is not None:
        answer = api.post(f"/wallets/{customer_id}/credit", {"amount": amount})
        assert answer.status_code == 201, answer.json()
    return wallet_of(api, customer_id)


def wallet_of(api, customer_id):
    return api.get(f"/wallets/{customer_id}").json()


def adjust(partner_id, amount, source, target, now, *, key=None, **fields):
    """The ledger transaction of an adjustment in USD; a wallet is named `wallet:ada`."""
    adjustment = services.Adjustment(
        amount=amount,
        source=_side(source),
        target=_side(target),
        idempotency_key=key or uuid4().hex,
        **{"currency": "USD", "description": "The bank's letter of May."} | fields,
    )
    by = Actor("test:wallets", "req-test")
    return services.adjust(partner_id=partner_id, adjustment=adjustment, by=by, now=now)


def _side(name):
    account, _, customer_id = name.partition(":")
    return services.Side(Account(account), customer_id)
