"""Doors: the events that Stripe lists, so that a callback that never came loses no fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from charges.gateway import events
from charges.gateway.client import Refused
from charges.gateway.events import Listed
from charges.models import EventSync, ProcessorEvent, Source
from charges.processor.availability import answer_needed
from charges.services.stripe_events import DOORS, store

RETENTION = timedelta(days=30)
"""Stripe lists no older events. https://docs.stripe.com/api/events/list"""
OVERLAP = timedelta(minutes=10)
"""What was read last is read again: an event may become visible later than younger ones."""
TYPES_AT_ONCE = 20
PAGES_AT_ONCE = 50

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Synced:
    """What a run read: events `listed`; among them `missed`, which nobody had told us."""

    listed: int = 0
    missed: int = 0
    is_complete: bool = True
    """False when there is more than one run reads; the next goes on there."""
    lost_since: datetime | None = None
    """What happened between then and 30 days ago cannot be listed any more."""


def sync_events(
    *,
    since: datetime | None = None,
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> Synced:
    """Events that Stripe created after the last ones read, or since then, are stored as if
    callbacks had told us; `progress` hears how many each page listed.

    The place is kept page by page. Several may run at once: one moves on, the others end. Raises
    ProcessorUnavailable.
    """
    synced = Synced()
    for place in _places(since, now):
        for _ in range(PAGES_AT_ONCE):
            page = _read(place, now)
            is_moved = _take(place, page, synced, now)
            progress(len(page.notices))
            if page.is_last or not is_moved:
                break
        else:
            synced.is_complete = False
    if synced.missed:
        logger.warning("stripe.events_missed", count=synced.missed, listed=synced.listed)
    return synced


def listened() -> list[str]:
    """The types of events that have a door."""
    return events.types_of(DOORS)


def _places(since: datetime | None, now: datetime) -> Iterator[EventSync]:
    """Where each list stands. Types that are new here are read from as far back as Stripe lists."""
    types = listened()
    for first in range(0, len(types), TYPES_AT_ONCE):
        name = ",".join(types[first : first + TYPES_AT_ONCE])
        with transaction.atomic(durable=True):
            place, _ = EventSync.objects.get_or_create(
                types=name, defaults={"read_until": now - RETENTION}
            )
            if since and since < place.read_until:
                place.read_until, place.cursor, place.walk_until = since, "", None
                place.save()
        yield place


def _read(place: EventSync, now: datetime) -> Listed:
    """The page below the place's cursor; the first one again when Stripe has forgotten that."""
    types = place.types.split(",")
    since = max(min(place.read_until, now) - OVERLAP, now - RETENTION)
    with answer_needed():
        try:
            return events.listed(types, since=since, after=place.cursor)
        except Refused:
            if not place.cursor:
                raise
            with transaction.atomic(durable=True):
                _move(place, cursor="", walk_until=None)
            return events.listed(types, since=since, after="")


def _take(place: EventSync, page: Listed, synced: Synced, now: datetime) -> bool:
    """The page's events are stored and the place is below them. False when another run moved it."""
    ids = [notice.id for notice in page.notices]
    if not place.cursor and place.synced_at and place.synced_at < now - RETENTION:
        synced.lost_since = place.synced_at
        logger.error("stripe.events_lost", since=place.synced_at.isoformat())
    with transaction.atomic(durable=True):
        known = set(ProcessorEvent.objects.filter(id__in=ids).values_list("id", flat=True))
        new = [notice for notice in page.notices if notice.id not in known]
        synced.listed += len(ids)
        synced.missed += sum(store(notice, Source.LIST, now) for notice in new)
        if not page.is_last:
            return _move(place, cursor=ids[-1], walk_until=_newest(place, page))
        until = max(place.read_until, _newest(place, page) or place.read_until)
        return _move(place, cursor="", walk_until=None, read_until=until, synced_at=now)


def _newest(place: EventSync, page: Listed) -> datetime | None:
    """When the newest event of the walk was created: the first of its first page."""
    if place.cursor:
        return place.walk_until
    return page.notices[0].happened_at if page.notices else None


def _move(place: EventSync, **fields: object) -> bool:
    """A step: the place is moved unless another run has moved it meanwhile."""
    stands = EventSync.objects.filter(
        types=place.types, cursor=place.cursor, read_until=place.read_until
    )
    is_moved = stands.update(**fields) == 1
    for name, value in fields.items():
        setattr(place, name, value)
    return is_moved
