"""What workers do, in threads beside the real ones: their clock can be moved."""

from __future__ import annotations

from django.utils import timezone

from bench.fixtures import BY
from charges import services as charges
from installments import services as installments
from installments.as_of import AsOf


def sweep() -> None:
    now = timezone.now()
    installments.sweep(as_of=AsOf(now), by=BY, now=now)


def recover() -> None:
    charges.collect_due(by=BY)
    charges.complete_due_refunds(by=BY)
    charges.detach_due()


def sync() -> None:
    charges.sync_events(now=timezone.now())


def process() -> None:
    charges.process_events(by=BY)


TASKS = [sweep, recover, sync, process]
