"""Doors: Stripe's events. Stored once by event id, then processed like any other queue.

Nothing that they say is believed: the object is fetched, and settles through the same doors as
everything else. So duplicates, disorder, strangers and forgeries are harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction

from charges import backoff
from charges.attempts import LEASE
from charges.draining import drain
from charges.gateway import events
from charges.gateway.client import NotExecuted, OutcomeUnknown, Refused
from charges.gateway.events import Notice
from charges.killpoints import killpoint
from charges.models import Charge, ProcessorEvent, Source
from charges.services.sync_cards import sync_card, sync_customer, sync_setup
from charges.services.sync_disputes import sync_dispute
from charges.services.sync_intents import sync_intent
from charges.services.sync_refunds import sync_refund
from foundation import broker, queues
from foundation.actors import Actor

EVENTS_TASK = "charges.process_events"
Synced = tuple[Charge | None, str]

logger = structlog.get_logger(__name__)


def receive_event(*, payload: bytes, signature: str, now: datetime) -> bool:
    """The event is stored, unless it was before; False then. Raises InvalidSignature."""
    notice = events.read(payload, signature)
    with transaction.atomic(durable=True):
        is_new = store(notice, Source.CALLBACK, now)
        if not is_new:
            known = ProcessorEvent.objects.filter(id=notice.id, source=Source.LIST)
            known.update(source=Source.LATE_CALLBACK)
    killpoint("event.after_stored")
    return is_new


def store(notice: Notice, source: Source, now: datetime) -> bool:
    """A step: the event waits to be processed, or needs nothing done. False when it was known."""
    is_ours = not notice.stranger and _door(notice.type) is not None
    _, is_new = ProcessorEvent.objects.get_or_create(
        id=notice.id,
        defaults={
            "type": notice.type,
            "object_id": notice.object_id,
            "happened_at": notice.happened_at,
            "received_at": now,
            "source": source,
            "next_attempt_at": now if is_ours else None,
            "processed_at": None if is_ours else now,
            "outcome": "" if is_ours else notice.stranger or "Nothing to do.",
        },
    )
    if is_new and is_ours:
        broker.nudge(EVENTS_TASK)
    return is_new


def process_events(*, by: Actor) -> int:
    """Every stored event that is due has been processed or waits; returns how many were tried.

    One that breaks its worker again and again is set aside after 5 attempts.
    """
    return drain(ProcessorEvent.objects.due, claim_next, partial(process, by=by))


def _sync_intent(event: ProcessorEvent, by: Actor, now: datetime) -> Synced:
    reported = event.type.removeprefix("payment_intent.")
    return sync_intent(intent_id=event.object_id, reported=reported, by=by, now=now)


def _sync_dispute(event: ProcessorEvent, by: Actor, now: datetime) -> Synced:
    return sync_dispute(external_id=event.object_id, by=by, now=now)


def _sync_refund(event: ProcessorEvent, by: Actor, now: datetime) -> Synced:
    return sync_refund(external_id=event.object_id, by=by, now=now)


def _sync_card(event: ProcessorEvent, by: Actor, now: datetime) -> Synced:
    return None, sync_card(external_id=event.object_id, by=by, now=now)


def _sync_setup(event: ProcessorEvent, by: Actor, now: datetime) -> Synced:
    return None, sync_setup(external_id=event.object_id, now=now)


def _sync_customer(event: ProcessorEvent, by: Actor, now: datetime) -> Synced:
    return None, sync_customer(external_id=event.object_id, by=by, now=now)


DOORS: dict[str, Callable[[ProcessorEvent, Actor, datetime], Synced]] = {
    "payment_intent.succeeded": _sync_intent,
    "payment_intent.payment_failed": _sync_intent,
    "payment_intent.canceled": _sync_intent,
    "payment_intent.requires_action": _sync_intent,
    "payment_intent.processing": _sync_intent,
    "charge.dispute.": _sync_dispute,
    "charge.refund.": _sync_refund,
    "refund.": _sync_refund,
    "payment_method.": _sync_card,
    "setup_intent.succeeded": _sync_setup,
    "customer.deleted": _sync_customer,
}
"""What to do about an event whose type begins so; others need nothing done."""


def _door(type_: str) -> Callable[[ProcessorEvent, Actor, datetime], Synced] | None:
    return next((door for prefix, door in DOORS.items() if type_.startswith(prefix)), None)


def process(event: ProcessorEvent, now: datetime, *, by: Actor) -> None:
    """The claimed event has been tried."""
    killpoint("event.after_claim")
    if event.next_attempt_at is None:
        return
    door = _door(event.type)
    assert door is not None  # noqa: S101 -- others are never due
    try:
        charge, outcome = door(event, by, now)
    except Refused as refusal:
        charge, outcome = None, f"The processor does not know it: {refusal.message}"
    except (NotExecuted, OutcomeUnknown) as error:
        _put_off(event, str(error), now)
        return
    killpoint("event.before_processed")
    with transaction.atomic(durable=True):
        ProcessorEvent.objects.filter(id=event.id).update(
            processed_at=now, next_attempt_at=None, charge=charge, outcome=outcome[:300]
        )


def claim_next(now: datetime) -> ProcessorEvent | None:
    """The event that is longest due, ours for a while; set aside when it was begun too often."""
    with transaction.atomic(durable=True):
        event = queues.take_next(ProcessorEvent.objects.due(now))
        if event is None:
            return None
        event.attempts += 1
        event.next_attempt_at = now + LEASE
        if event.attempts > backoff.MAX_CUT_OFF:
            event.next_attempt_at = None
            event.outcome = f"Set aside: begun {backoff.MAX_CUT_OFF} times without an end."
            logger.error("stripe.event_set_aside", id=event.id, type=event.type)
        event.save(update_fields=["attempts", "next_attempt_at", "outcome"])
        return event


def _put_off(event: ProcessorEvent, reason: str, now: datetime) -> None:
    """The processor is away, or ahead of us: that is no fault of the event, which waits as long
    again as it has waited.
    """
    wait = backoff.doubling(event.received_at, now)
    with transaction.atomic(durable=True):
        ProcessorEvent.objects.filter(id=event.id).update(
            attempts=event.attempts - 1, next_attempt_at=now + wait, outcome=reason[:300]
        )
