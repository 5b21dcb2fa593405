from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from partners.leases import single_flight
from webhooks import events, services


@shared_task(name=events.DELIVER_TASK)
@single_flight(events.DELIVER_TASK, each_process=True)
def deliver_due() -> int:
    return services.deliver_due()


@shared_task(name="webhooks.prune")
@single_flight("webhooks.prune")
def prune() -> int:
    return services.prune(now=timezone.now())


@shared_task(name="webhooks.sync_operator_endpoints")
@single_flight("webhooks.sync_operator_endpoints")
def sync_operator_endpoints() -> None:
    services.sync_operator_endpoints()
