"""Doors: endpoints, their replays and the age of their log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from foundation import broker, states
from foundation.actors import Actor
from partners.models import Partner
from webhooks import delivery, egress, events, signing
from webhooks.models import OPEN_DELIVERIES, TEST, Attempt, Delivery, DeliveryStatus, Endpoint

MAX_ENDPOINTS = 20
CHUNK = 2000
AFRESH = {"disabled_reason": "", **delivery.HEALTHY}
ROTATION = timedelta(hours=24)


class EndpointInactive(Exception):
    def __init__(self) -> None:
        super().__init__("The endpoint is not active: make it active first.")


class TooManyEndpoints(Exception):
    def __init__(self) -> None:
        super().__init__(f"A partner has at most {MAX_ENDPOINTS} endpoints.")


def create_endpoint(
    *, partner_id: UUID, url: str, event_types: Sequence[str], description: str, now: datetime
) -> Endpoint:
    """An active endpoint with a fresh secret. Raises UrlRefused, TooManyEndpoints."""
    egress.check_url(url)
    with transaction.atomic(durable=True):
        Partner.objects.select_for_update().get(id=partner_id)
        if Endpoint.objects.owned_by(partner_id).of_partners().count() >= MAX_ENDPOINTS:
            raise TooManyEndpoints
        return Endpoint.objects.create(
            partner_id=partner_id,
            url=url,
            event_types=list(event_types),
            description=description,
            secret=signing.new_secret(),
            created_at=now,
            updated_at=now,
        )


def update_endpoint(*, endpoint: Endpoint, changes: dict[str, Any], now: datetime) -> Endpoint:
    """The endpoint has the changed fields; one made active again starts afresh.

    Raises UrlRefused.
    """
    if url := changes.get("url"):
        egress.check_url(url)
    with transaction.atomic(durable=True):
        row = Endpoint.objects.filter(id=endpoint.id)
        if changes.get("is_active") and row.filter(is_active=False).exists():
            changes = {**changes, **AFRESH}
            Delivery.objects.filter(endpoint=endpoint, status__in=OPEN_DELIVERIES).requeue(now)
            broker.nudge(events.DELIVER_TASK)
        row.update(**changes, updated_at=now)
    endpoint.refresh_from_db()
    return endpoint


def rotate_secret(*, endpoint: Endpoint, now: datetime) -> Endpoint:
    """The endpoint has a fresh secret; for ROTATION the one before it signs too."""
    with transaction.atomic(durable=True):
        row = Endpoint.objects.select_for_update().get(id=endpoint.id)
        row.previous_secret, row.previous_secret_until = row.secret, now + ROTATION
        row.secret, row.updated_at = signing.new_secret(), now
        row.save()
    return row


def send_test(*, endpoint: Endpoint, by: Actor, now: datetime) -> Delivery:
    """A test event is owed to this endpoint alone, whatever types it wants. Raises
    EndpointInactive.
    """
    with transaction.atomic(durable=True):
        row = _active(endpoint.id)
        events.publish([delivery.fact(row, TEST)], to=row.id, by=by, now=now)
        return Delivery.objects.filter(endpoint=row, event__type=TEST).latest("id")


def replay_delivery(*, delivery: Delivery, now: datetime) -> Delivery:
    """The delivery is due again now, with the same event id and the ladder from its start.

    Raises EndpointInactive.
    """
    with transaction.atomic(durable=True):
        _active(delivery.endpoint_id)
        Delivery.objects.filter(id=delivery.id).requeue(now)
        broker.nudge(events.DELIVER_TASK)
    return Delivery.objects.get(id=delivery.id)


def replay_window(*, endpoint: Endpoint, since: datetime, until: datetime, now: datetime) -> int:
    """Every event of the window that the endpoint wants is owed to it again, or for the first time
    if it was not there then; returns how many. Raises EndpointInactive.
    """
    with transaction.atomic(durable=True):
        row = _active(endpoint.id)
        broker.nudge(events.DELIVER_TASK)
        return delivery.requeue_window(row.id, since=since, until=until, now=now)


def _active(endpoint_id: UUID) -> Endpoint:
    endpoint = Endpoint.objects.select_for_update().get(id=endpoint_id)
    if not endpoint.is_active or endpoint.deleted_at:
        raise EndpointInactive
    return endpoint


def delete_endpoint(*, endpoint: Endpoint, now: datetime) -> None:
    """The endpoint gets nothing more; its log stays."""
    with transaction.atomic(durable=True):
        Endpoint.objects.filter(id=endpoint.id).update(
            deleted_at=now, is_active=False, updated_at=now
        )
        waiting = Delivery.objects.filter(endpoint=endpoint, status__in=OPEN_DELIVERIES)
        states.move(waiting, DeliveryStatus.EXHAUSTED, next_attempt_at=None)


def prune(*, now: datetime) -> int:
    """Deliveries that ended and are older than WEBHOOK_RETENTION are gone with their attempts, what
    is still owed and all events stay; returns how many went. In chunks, each a transaction.
    """
    ended = Delivery.objects.filter(created_at__lt=now - settings.WEBHOOK_RETENTION).order_by()
    ended = ended.exclude(status__in=OPEN_DELIVERIES).select_for_update(skip_locked=True)
    total = 0
    while True:
        with transaction.atomic(durable=True):
            ids = list(ended[:CHUNK].values_list("id", flat=True))
            if not ids:
                return total
            Attempt.objects.filter(delivery__in=ids).delete()
            Delivery.objects.filter(id__in=ids).delete()
        total += len(ids)


def sync_operator_endpoints() -> None:
    """The active endpoints without a partner are exactly those of WEBHOOK_URLS."""
    now = timezone.now()
    operator = Endpoint.objects.filter(partner=None)
    with transaction.atomic(durable=True):
        operator.exclude(url__in=settings.WEBHOOK_URLS).filter(is_active=True).update(
            is_active=False, disabled_reason="No longer in WEBHOOK_URLS.", updated_at=now
        )
        for url in settings.WEBHOOK_URLS:
            Endpoint.objects.get_or_create(
                partner=None, url=url, defaults={"created_at": now, "updated_at": now}
            )
        operator.filter(url__in=settings.WEBHOOK_URLS, is_active=False).update(
            is_active=True, disabled_reason="", updated_at=now
        )
