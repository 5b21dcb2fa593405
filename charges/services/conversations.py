"""Doors' way to the processor: bounded, and handed to a worker when there is no room."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from charges import attempts
from charges.answers import Answer
from charges.gateway.client import NoRoom, conversation
from charges.models import Charge, Refund
from foundation import broker


def converse(
    row: Charge | Refund,
    ask: Callable[[], Answer],
    *,
    task: str,
    is_batch: bool = False,
    now: datetime,
) -> Answer | None:
    """The processor's answer about the leased row; None when as many as may be are asking it: then
    the lease is given back, and a worker is asked to run the task.
    """
    try:
        with conversation(is_batch=is_batch):
            return ask()
    except NoRoom:
        with transaction.atomic(durable=True):
            attempts.hand_back(row, now)
            broker.nudge(task)
        return None
