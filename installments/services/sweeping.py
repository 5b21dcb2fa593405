"""Doors: the sweep, which collects what is due and lets time pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from charges import services as charges
from charges.models import ChargeStatus
from foundation import actors, broker, runs
from foundation.actors import Actor
from installments import aging, collection, transitions
from installments.as_of import AsOf
from installments.forecast import Forecast, Legs
from installments.models import Installment, Sweep
from installments.services.clocks import keeping_dates
from installments.services.isolating import CHUNK, Work, run_in_chunks
from installments.services.paying import auto_applying, wallets_of_installments
from wallets.ledger import WalletKey

NAME = "installments"
DATES_KEPT_EVERY = timedelta(days=1)
COUNTED_AS = {
    ChargeStatus.SUCCEEDED: "paid",
    ChargeStatus.PROCESSING: "processing",
    ChargeStatus.FAILED: "failed",
}


class Swept(NamedTuple):
    """What a run did; amounts are not added up over currencies. `resting` are rows that broke their
    step and were left out; `kept` installments whose moments followed a change of clocks.
    """

    paid: int = 0
    processing: int = 0
    failed: int = 0
    settled: int = 0
    reminded: int = 0
    overdue: int = 0
    late_fees: int = 0
    defaulted: int = 0
    kept: int = 0
    resting: int = 0

    @property
    def collected(self) -> int:
        return self.paid + self.processing + self.failed

    def plus(self, other: Swept) -> Swept:
        return Swept(*(mine + more for mine, more in zip(self, other, strict=True)))


def sweep(
    *,
    as_of: AsOf,
    by: Actor,
    now: datetime,
    order_id: UUID | None = None,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Swept:
    """Everything due at `as_of` has been tried once; then, for all orders, time has passed. What
    cannot be tried rests (docs/decisions/0020-quarantine.md).

    Set-based in chunks, each a transaction of its own; any number of sweeps may run at once and be
    killed. Cards are left to `charges.collect_due`, which a worker is nudged to run.
    """
    with runs.logged("installments.sweep_finished", as_of=str(as_of.day or as_of.moment)) as counts:
        swept = _sweep(as_of, by, now, order_id, limit, progress)
        counts.update(swept._asdict())
    return swept


def _sweep(
    as_of: AsOf,
    by: Actor,
    now: datetime,
    order_id: UUID | None,
    limit: int | None,
    progress: Callable[[int], None],
) -> Swept:
    is_whole = order_id is None and limit is None
    work = _collecting(as_of, order_id, by, now)
    swept = _keep_dates(now) if is_whole and as_of == AsOf(now) else Swept()
    for counted in run_in_chunks(work, now=now, limit=limit):
        chunk = Swept(**counted)
        swept = swept.plus(chunk)
        progress(chunk.collected)
        if is_whole:
            _get_on(as_of, now)
    if is_whole:
        swept = swept.plus(age(as_of=as_of, by=by, now=now))
    return swept


def dry_run(
    *, as_of: AsOf, now: datetime, order_id: UUID | None = None, limit: int | None = None
) -> Iterator[tuple[Installment, Legs]]:
    """What a sweep would collect, in its order, and how each installment would be paid at today's
    balances; nothing is written.
    """
    due = Installment.objects.due(as_of).select_related("order")
    due = due.filter(order_id=order_id) if order_id else due
    forecast, by = Forecast(), actors.system("forecast")
    rest = due[:limit].iterator(CHUNK)
    while chunk := list(islice(rest, CHUNK)):
        charges_ = [
            collection.planned_charge([installment], by=by, now=now) for installment in chunk
        ]
        yield from zip(chunk, forecast.of(charges_, now=now), strict=True)


def record_sweep(*, swept: Swept, started_at: datetime, finished_at: datetime) -> None:
    """`/health/ready` sees that the sweep ran."""
    with transaction.atomic(durable=True):
        Sweep.objects.update_or_create(
            name=NAME,
            defaults={
                "started_at": started_at,
                "finished_at": finished_at,
                "collected": swept.collected,
            },
        )


def record_progress(*, started_at: datetime) -> None:
    """`/health/ready` sees that the run that began then gets on, however long it takes."""
    _stamp(started_at, progressed_at=Now())


def _stamp(started_at: datetime, **stamps: Any) -> None:
    with transaction.atomic(durable=True):
        Sweep.objects.bulk_create(
            [Sweep(name=NAME, started_at=started_at, **stamps)],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=[*stamps],
        )


def age(*, as_of: AsOf, by: Actor, now: datetime) -> Swept:
    """Installments of all orders are announced, overdue, paid by `auto_apply` or owe late fees, and
    orders are defaulted, as of that moment.
    """
    total = Swept()
    for work in _passing(as_of, by, now):
        for counted in run_in_chunks(work, now=now):
            total = total.plus(Swept(**counted))
            _get_on(as_of, now)
    return total


def _keep_dates(now: datetime) -> Swept:
    """Once a day, before anything is collected an hour too early."""
    kept = Sweep.objects.filter(
        name=NAME, dates_kept_at__gt=now - DATES_KEPT_EVERY, dates_kept_at__lte=now
    )
    total = Swept()
    if kept.exists():
        return total
    for work in keeping_dates(now):
        for counted in run_in_chunks(work, now=now):
            total = total.plus(Swept(**counted))
    _stamp(now, dates_kept_at=now)
    return total


def _get_on(as_of: AsOf, now: datetime) -> None:
    """A run from another moment's point of view is none of the sweep's."""
    if as_of == AsOf(now):
        record_progress(started_at=now)


def _collecting(as_of: AsOf, order_id: UUID | None, by: Actor, now: datetime) -> Work:
    def collect(due: Sequence[Installment]) -> Counter[str]:
        collected = collection.collect(due, as_of=as_of, by=by, now=now)
        counted = Counter(COUNTED_AS[ChargeStatus(charge.status)] for charge in collected)
        if counted["processing"]:
            broker.nudge(charges.RECOVER_TASK)
        return counted

    due = Installment.objects.due(as_of)
    due = due.filter(order_id=order_id) if order_id else due
    return Work("collect", due, collection.claim, collect, wallets_of_installments)


def _passing(as_of: AsOf, by: Actor, now: datetime) -> Iterator[Work]:
    """All that time does, in its order."""

    def of_parts(
        name: str, installments: QuerySet[Any], step: Callable[..., None], count: str
    ) -> Work:
        do = _counting(count, step, by, now)
        return Work(name, installments, aging.claim_installments, do, wallets_of_installments)

    yield of_parts("remind", aging.to_remind_of(as_of), aging.remind, "reminded")
    yield of_parts("mark overdue", aging.becoming_overdue(as_of), aging.mark_overdue, "overdue")
    for owing in aging.owing_late_fees(as_of):
        yield of_parts("add late fees", owing, aging.add_late_fees, "late_fees")
    yield auto_applying(None, by, now)
    default = _counting("defaulted", transitions.default, by, now)
    yield Work("default", aging.defaulting(as_of), aging.claim_orders, default, _wallets_of_orders)


def _counting(
    name: str, step: Callable[..., None], by: Actor, now: datetime
) -> Callable[[Sequence[Any]], Counter[str]]:
    """The step, which does all of its rows."""

    def do(found: Sequence[Any]) -> Counter[str]:
        step(found, by=by, now=now)
        return Counter({name: len(found)})

    return do


def _wallets_of_orders(orders: QuerySet[Any]) -> dict[UUID, set[WalletKey]]:
    """Whose wallets are needed to end their charges."""
    found = orders.values_list("pk", "partner_id", "customer_id", "split_instructions")
    return {pk: collection.wallet_keys(*of_charge) for pk, *of_charge in found}
