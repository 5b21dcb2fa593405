"""Due installments a second: the sweep, and the same statements bare."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from bench.fixtures import BY, partner_with_wallets
from installments import services
from installments.as_of import AsOf
from installments.planning import NewOrder
from installments.schedule import Part
from partners.models import Partner

PARTS = 10


def measure(*, count: int, customers: int) -> None:
    partner, _ = partner_with_wallets(f"bench-due-{count}", customers)
    agree(partner, count, customers)
    at = timezone.now() + timedelta(days=PARTS + 1)
    in_database = Stopwatch()
    started = time.perf_counter()
    with connection.execute_wrapper(in_database):
        swept = services.sweep(as_of=AsOf(at), by=BY, now=timezone.now())
    took = time.perf_counter() - started
    each = took / swept.paid * 1000
    print(f"due installments           {swept.paid / took:>7.0f}/s  {each:.3f} ms each  {swept}")
    print(f"the same statements, bare  {swept.paid / in_database.seconds:>7.0f}/s")


class Stopwatch:
    """How long the statements took by themselves, parameters ready."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.seconds += time.perf_counter() - started


def agree(partner: Partner, count: int, customers: int, **fields: Any) -> None:
    """So many parts are agreed on, ten an order, one a day from today on."""
    now = timezone.now()
    for number in range(count // PARTS):
        days = [now.date() + timedelta(days=day) for day in range(PARTS)]
        new = NewOrder(
            customer_id=f"c{number % customers}",
            amount=PARTS * 100,
            currency="USD",
            plan=[Part(100, day) for day in days],
            **fields,
        )
        services.create_order(
            partner_id=partner.id, new=new, idempotency_key=uuid4().hex, fingerprint="bench",
            activate=True, by=BY, now=now,
        )  # fmt: skip
