"""Doors: the sweep, which collects what is due and lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from django.db import transaction

from charges import services as charges
from charges.models import ChargeStatus
from installments import aging, collection
from installments.as_of import AsOf
from installments.forecast import Forecast, Legs
from installments.models import Installment, Sweep
from installments.services.paying import CHUNK, settle_late
from partners import actors, broker
from partners.actors import Actor


class Swept(NamedTuple):
    """What a run did; amounts are not added up over currencies."""

    paid: int = 0
    processing: int = 0
    failed: int = 0
    settled: int = 0
    reminded: int = 0
    overdue: int = 0
    late_fees: int = 0
    defaulted: int = 0

    @property
    def collected(self) -> int:
        return self.paid + self.processing + self.failed

    def plus(self, other: Swept) -> Swept:
        return Swept(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


def sweep(
    *,
    as_of: AsOf,
    by: Actor,
    now: datetime,
    order_id: UUID | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Swept:
    """Everything due at `as_of` has been tried once; then, for all orders, time has passed.

    Set-based in chunks, each a transaction of its own; any number of sweeps may run at once and be
    killed. Cards are left to `charges.collect_due`, which a worker is nudged to run.
    """
    swept = Swept()
    while (room := CHUNK if limit is None else min(CHUNK, limit - swept.collected)) > 0:
        chunk = _collect_chunk(as_of, room, order_id, by, now)
        if not chunk.collected:
            break
        swept = swept.plus(chunk)
        progress(chunk.collected)
    if order_id is None and limit is None:
        swept = swept.plus(let_time_pass(as_of=as_of, by=by, now=now))
    return swept


def expect(
    *, as_of: AsOf, now: datetime, order_id: UUID | None = None, limit: int | None = None
) -> Iterator[tuple[Installment, Legs]]:
    """What a sweep would collect, in its order, and how each part would be paid at today's
    balances; nothing is written.
    """
    due = Installment.objects.due(as_of).select_related("order")
    due = due.filter(order_id=order_id) if order_id else due
    forecast, by = Forecast(), actors.system("forecast")
    rest = due[:limit].iterator(CHUNK)
    while chunk := list(islice(rest, CHUNK)):
        charges_ = [collection.planned_charge([part], by=by, now=now) for part in chunk]
        yield from zip(chunk, forecast.of(charges_, now=now), strict=True)


def record_sweep(*, swept: Swept, started_at: datetime, finished_at: datetime) -> None:
    """`/health/ready` sees that the sweep ran."""
    with transaction.atomic(durable=True):
        Sweep.objects.update_or_create(
            name="installments",
            defaults={
                "started_at": started_at,
                "finished_at": finished_at,
                "collected": swept.collected,
            },
        )


def _collect_chunk(
    as_of: AsOf, limit: int, order_id: UUID | None, by: Actor, now: datetime
) -> Swept:
    with transaction.atomic(durable=True):
        due = collection.claim_due(as_of, limit=limit, order_id=order_id)
        if not due:
            return Swept()
        made = collection.collect(due, as_of=as_of, by=by, now=now)
        states = [charge.status for charge in made]
        if ChargeStatus.PROCESSING in states:
            broker.nudge(charges.RECOVER_TASK)
    return Swept(
        paid=states.count(ChargeStatus.SUCCEEDED),
        processing=states.count(ChargeStatus.PROCESSING),
        failed=states.count(ChargeStatus.FAILED),
    )


def let_time_pass(*, as_of: AsOf, by: Actor, now: datetime) -> Swept:
    """Parts of all orders are announced, overdue, paid by `auto_apply` or owe late fees, and orders
    are defaulted, as of that moment.
    """

    def in_chunks(step: Callable[..., int]) -> int:
        total = 0
        while True:
            with transaction.atomic(durable=True):
                count = step(as_of, limit=CHUNK, by=by, now=now)
            if not count:
                return total
            total += count

    return Swept(
        reminded=in_chunks(aging.remind),
        overdue=in_chunks(aging.mark_overdue),
        late_fees=in_chunks(aging.add_late_fees),
        settled=settle_late(by=by, now=now),
        defaulted=in_chunks(aging.mark_defaulted),
    )
