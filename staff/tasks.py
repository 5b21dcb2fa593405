from __future__ import annotations

from celery import shared_task
from django.core.management import call_command
from django.utils import timezone

from partners.leases import single_flight
from staff import services


@shared_task(name="staff.expire_approvals")
@single_flight("staff.expire_approvals")
def expire_approvals() -> int:
    return services.expire_approvals(now=timezone.now())


@shared_task(name="staff.clear_sessions")
@single_flight("staff.clear_sessions")
def clear_sessions() -> None:
    """Sessions that have ended are gone."""
    call_command("clearsessions")
