from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from foundation import actors
from installments import services
from installments.as_of import AsOf
from partners.leases import single_flight


@shared_task(name="installments.sweep")
@single_flight("installments.sweep")
def sweep() -> int:
    started_at = timezone.now()
    swept = services.sweep(as_of=AsOf(started_at), by=actors.system("due_sweep"), now=started_at)
    services.record_sweep(swept=swept, started_at=started_at, finished_at=timezone.now())
    return swept.collected
