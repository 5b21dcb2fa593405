from __future__ import annotations

from celery import shared_task

from charges import services
from partners import actors


@shared_task(name="charges.recover")
def recover() -> int:
    return services.collect_due(by=actors.system("recovery"))
