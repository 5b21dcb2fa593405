from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from charges import services
from foundation import actors
from partners.leases import single_flight

RECOVERY = actors.system("recovery")


@shared_task(name=services.RECOVER_TASK)
@single_flight(services.RECOVER_TASK, each_process=True)
def recover() -> int:
    """Resume the charges that are due; returns how many there were."""
    return services.collect_due(by=RECOVERY)


@shared_task(name=services.REFUNDS_TASK)
@single_flight(services.REFUNDS_TASK, each_process=True)
def complete_refunds() -> int:
    """Resume the refunds that are due; returns how many there were."""
    return services.complete_due_refunds(by=RECOVERY)


@shared_task(name="charges.detach_cards")
@single_flight("charges.detach_cards")
def detach_cards() -> int:
    """Removed cards are detached at the processor too."""
    return services.detach_due()


@shared_task(name=services.EVENTS_TASK)
@single_flight(services.EVENTS_TASK, each_process=True)
def process_events() -> int:
    return services.process_events(by=actors.system("stripe_events"))


@shared_task(name="charges.sync_events")
@single_flight("charges.sync_events")
def sync_events() -> int:
    """Events that no callback told us are stored as if one had; returns how many."""
    return services.sync_events(now=timezone.now()).missed
