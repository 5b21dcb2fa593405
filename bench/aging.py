"""What a sweep with nothing to do costs beside ever more orders that ended with unpaid parts."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.fixtures import BY, partner_with_wallets
from installments import services
from installments.as_of import AsOf
from installments.late_fees import LateFee
from installments.planning import NewOrder
from installments.schedule import Part
from partners.models import Partner

OPEN = 10_000
FEE = LateFee(amount="1.00", percentage=None, grace_days=400, cap=None)

CLONES = """
CREATE TEMP TABLE clones AS SELECT o.id AS of_id, gen_random_uuid() AS id
FROM (
    SELECT DISTINCT ON (status) id FROM installments_installmentorder
    WHERE status = ANY (%s) ORDER BY status, id) o
CROSS JOIN generate_series(1, %s)
"""
ORDERS = """
INSERT INTO installments_installmentorder SELECT (json_populate_record(o,
    json_build_object('id', c.id, 'idempotency_key', c.id))).*
FROM clones c JOIN installments_installmentorder o ON o.id = c.of_id
"""
PARTS = """
INSERT INTO installments_installment SELECT (json_populate_record(i,
    json_build_object('id', gen_random_uuid(), 'order_id', c.id, 'charge_id', NULL))).*
FROM clones c JOIN installments_installment i ON i.order_id = c.of_id
"""


def measure(*, closed: int, customers: int) -> None:
    """Half of those that ended have defaulted, with parts that failed; half were never active."""
    partner, _ = partner_with_wallets("bench-aging", customers)
    now = timezone.now()
    _agree(partner, now, now.date(), customer="nobody", is_active=True)
    _agree(partner, now, now.date(), customer="nobody", is_active=False)
    for days in (0, 1, 3, 5, 7, 10, 14, 60):
        _sweep(now + timedelta(days=days))
    later = now + timedelta(days=61)
    _agree(partner, later, later.date() + timedelta(days=60), customer="c0", is_active=True)
    clone(OPEN, ["active"])
    so_far = 0
    for count in (closed // 16, closed // 4, closed):
        clone((count - so_far) // 2, ["defaulted", "pending"])
        so_far = count
        _sweep(later)
        took = min(_sweep(later) for _ in range(3))
        print(f"sweep: {OPEN:,} open orders, {count:>9,} ended  {took * 1000:>8.1f} ms")


def _sweep(at: datetime) -> float:
    """Seconds that it took."""
    started = time.perf_counter()
    services.sweep(as_of=AsOf(at), by=BY, now=at)
    return time.perf_counter() - started


def clone(times: int, statuses: list[str]) -> None:
    """So many more orders like the first of each of these states, parts and all."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        asked: list[Any] = [statuses, times]
        cursor.execute(CLONES, asked)
        cursor.execute(ORDERS)
        cursor.execute(PARTS)
        cursor.execute("DROP TABLE clones")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE installments_installmentorder, installments_installment")


def _agree(partner: Partner, now: datetime, first: date, *, customer: str, is_active: bool) -> None:
    plan = [Part(100, first + timedelta(days=20 * place)) for place in range(4)]
    new = NewOrder(customer, 400, "USD", plan, late_fee=FEE, auto_apply=True)
    services.create_order(
        partner_id=partner.id, new=new, idempotency_key=f"{first}-{is_active}", fingerprint="bench",
        activate=is_active, by=BY, now=now,
    )  # fmt: skip
