from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from charges import services
from partners import actors


@shared_task(name="charges.recover")
def recover() -> int:
    """Charges, refunds and detached cards that are due have gone on from where they stopped."""
    by = actors.system("recovery")
    charged = services.collect_due(by=by)
    return charged + services.complete_due_refunds(by=by) + services.detach_due()


@shared_task(name="charges.process_events")
def process_events() -> int:
    return services.process_events(by=actors.system("stripe_events"))


@shared_task(name="charges.sync_events")
def sync_events() -> int:
    """Events that no callback told us are stored as if one had; returns how many."""
    return services.sync_events(now=timezone.now()).missed
