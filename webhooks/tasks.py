from __future__ import annotations

from celery import shared_task

from webhooks import services


@shared_task(name="webhooks.deliver_due")
def deliver_due() -> int:
    return services.deliver_due()


@shared_task(name="webhooks.sync_operator_endpoints")
def sync_operator_endpoints() -> None:
    services.sync_operator_endpoints()
