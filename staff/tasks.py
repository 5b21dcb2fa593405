from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from staff import services


@shared_task(name="staff.expire_approvals")
def expire_approvals() -> int:
    return services.expire_approvals(now=timezone.now())
