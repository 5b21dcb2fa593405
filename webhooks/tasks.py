from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from webhooks import services


@shared_task(name="webhooks.deliver_due")
def deliver_due() -> int:
    return services.deliver_due()


@shared_task(name="webhooks.prune")
def prune() -> int:
    return services.prune(now=timezone.now())


@shared_task(name="webhooks.sync_operator_endpoints")
def sync_operator_endpoints() -> None:
    services.sync_operator_endpoints()
