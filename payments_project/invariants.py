"""The proof: every app's invariants, read in one consistent snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from charges import invariants as charges
from installments import invariants as installments
from staff import invariants as staff
from wallets import invariants as wallets
from webhooks import invariants as webhooks

MAX_ROWS = 20
ALL = {
    **wallets.INVARIANTS,
    **charges.INVARIANTS,
    **installments.INVARIANTS,
    **staff.INVARIANTS,
    **webhooks.INVARIANTS,
}


class Finding(NamedTuple):
    invariant: str
    rows: list[dict[str, Any]]
    """The first MAX_ROWS rows at fault; none when the invariant holds."""


def prove(partner_id: UUID | None = None) -> Iterator[Finding]:
    """One finding per invariant, of one partner or of all."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for invariant, sql in ALL.items():
            cursor.execute(sql, {"partner": str(partner_id) if partner_id else None})
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchmany(MAX_ROWS)]
            yield Finding(invariant, rows)
