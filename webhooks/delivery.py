"""Delivering one event to one endpoint, and the ladder of retries when it fails."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from partners import actors
from webhooks import egress, events, signing
from webhooks.models import TEST, Attempt, Delivery, DeliveryStatus, Endpoint
from webhooks.serializers import EndpointResource

# Seconds from one attempt to the next (Svix's ladder, stretched to a day).
LADDER = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
JITTER = 0.1
LEASE = timedelta(seconds=2 * egress.TIMEOUT)
MAX_RETRY_AFTER = 86400.0
GONE = 410
BEFORE_REST = 3
LONGEST_REST = 300.0
PATIENCE = timedelta(days=5)
"""How long an endpoint may fail without a success in between."""
BY = actors.system("webhooks")

CLAIM = """
UPDATE webhooks_delivery SET attempt_count = attempt_count + 1, next_attempt_at = %(until)s
WHERE id = (
    SELECT id FROM webhooks_delivery
    WHERE endpoint_id = %(endpoint)s AND next_attempt_at <= %(now)s AND EXISTS (
        SELECT 1 FROM webhooks_endpoint n
        WHERE n.id = %(endpoint)s AND n.is_active AND n.deleted_at IS NULL)
    ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""

OWE_WINDOW = f"""
INSERT INTO webhooks_delivery (id, partner_id, event_id, endpoint_id, status, attempt_count,
    replayed_after, next_attempt_at, created_at)
SELECT (left(e.id::text, 15) || substr(gen_random_uuid()::text, 16))::uuid,
    e.partner_id, e.id, n.id, 'pending', 0, 0, %(now)s, %(now)s
FROM webhooks_endpoint n JOIN webhooks_event e
    ON (n.partner_id = e.partner_id OR n.partner_id IS NULL)
    AND webhooks_wants(n.event_types, e.type) AND e.type <> '{TEST}'
WHERE n.id = %(endpoint)s AND e.created_at >= %(since)s AND e.created_at < %(until)s
ON CONFLICT (event_id, endpoint_id) DO UPDATE SET status = 'pending', delivered_at = NULL,
    next_attempt_at = %(now)s, replayed_after = webhooks_delivery.attempt_count
"""


def owe_window(endpoint_id: UUID, *, since: datetime, until: datetime, now: datetime) -> int:
    """Every event of the window that the endpoint wants is owed to it, again or for the first time;
    returns how many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            OWE_WINDOW, {"endpoint": endpoint_id, "since": since, "until": until, "now": now}
        )
        return int(cursor.rowcount)


def claim(endpoint_id: UUID, now: datetime) -> Delivery | None:
    """The endpoint's longest-due delivery, ours for LEASE; a killed sender's comes back then."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"endpoint": endpoint_id, "now": now, "until": now + LEASE})
        claimed = cursor.fetchone()
    if claimed is None:
        return None
    return Delivery.objects.select_related("event", "endpoint").get(id=claimed[0])


def may_try(endpoint_id: UUID, now: datetime) -> bool:
    """Whether to send to the endpoint now. One that fails is tried by one sender at a time, after
    its rest, so that it takes no more than one thread of all that run.
    """
    failing = Endpoint.objects.filter(id=endpoint_id, failing_since__isnull=False)
    if not failing.exists():
        return True
    rested = failing.filter(Q(rests_until=None) | Q(rests_until__lte=now))
    return bool(rested.update(rests_until=now + LEASE))


def send(delivery: Delivery, now: datetime, *, post: egress.Post) -> egress.Answer:
    """POSTs the event's frozen body, signed for this moment."""
    event, endpoint = delivery.event, delivery.endpoint
    body = signing.body(
        id=event.id,
        type=event.type,
        created_at=event.created_at,
        sequence=event.sequence,
        data=event.data,
    )
    headers = signing.headers(
        secrets=secrets_of(endpoint, now), event_id=event.id, body=body, at=now
    )
    return post(endpoint.url, body=body, headers={**headers, "Content-Type": "application/json"})


def secrets_of(endpoint: Endpoint, now: datetime) -> list[str]:
    """The secret, and the one before it for a day. The operator's endpoints sign with
    WEBHOOK_SECRET, which no table holds.
    """
    if endpoint.partner_id is None:
        return [str(settings.WEBHOOK_SECRET)]
    until = endpoint.previous_secret_until
    is_rotating = until is not None and now < until
    return [endpoint.secret, *([endpoint.previous_secret] if is_rotating else [])]


def record(delivery: Delivery, answer: egress.Answer, *, started_at: datetime) -> None:
    """The attempt is on the log and the delivery stands as its answer says.

    A step: the caller's transaction. An attempt that lost its lease and was overtaken is logged by
    the one that overtook it, and changes nothing.
    """
    ours = Delivery.objects.filter(
        id=delivery.id, attempt_count=delivery.attempt_count, next_attempt_at__isnull=False
    )
    if not ours.update(**_outcome(delivery, answer, started_at)):
        return
    Attempt.objects.create(
        delivery=delivery,
        number=delivery.attempt_count,
        started_at=started_at,
        duration_ms=answer.duration_ms,
        response_status=answer.status,
        response_excerpt=answer.excerpt,
        error=answer.error,
    )
    _note_health(delivery.endpoint, answer, started_at)


def _outcome(delivery: Delivery, answer: egress.Answer, at: datetime) -> dict[str, object]:
    if answer.is_success:
        status = DeliveryStatus.DELIVERED
        return {"status": status, "delivered_at": at, "next_attempt_at": None}
    wait = retry_wait(delivery.attempt_count - delivery.replayed_after, answer.retry_after)
    if wait is None:
        return {"status": DeliveryStatus.EXHAUSTED, "next_attempt_at": None}
    return {"status": DeliveryStatus.FAILED, "next_attempt_at": at + wait}


def retry_wait(attempts: int, retry_after: float | None) -> timedelta | None:
    """How long to wait after so many attempts; None when the ladder ends."""
    if attempts > len(LADDER):
        return None
    seconds = LADDER[attempts - 1] * random.uniform(1, 1 + JITTER)
    return timedelta(seconds=max(seconds, min(retry_after or 0.0, MAX_RETRY_AFTER)))


def rest(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row: not at all after the
    first ones, then 8 s, 16 s, up to 5 minutes. What is owed to it waits, and loses no attempt.
    """
    if failures < BEFORE_REST:
        return timedelta(0)
    return timedelta(seconds=min(2.0 ** min(failures, 16), LONGEST_REST))


def _note_health(endpoint: Endpoint, answer: egress.Answer, at: datetime) -> None:
    row = Endpoint.objects.filter(id=endpoint.id)
    if answer.is_success:
        if endpoint.failing_since:
            row.update(failing_since=None, failures=0, rests_until=None)
        return
    failing = row.select_for_update().get()
    failing.failures += 1
    failing.failing_since = failing.failing_since or at
    failing.rests_until = at + rest(failing.failures)
    failing.save(update_fields=["failures", "failing_since", "rests_until"])
    if answer.status == GONE:
        _disable(failing, "The receiver answered 410 Gone.", at)
    elif failing.partner_id and failing.failing_since <= at - PATIENCE:
        _disable(failing, "No delivery succeeded for 5 days.", at)


def _disable(endpoint: Endpoint, reason: str, at: datetime) -> None:
    """Nothing more is sent to the locked endpoint, and its partner is told elsewhere. What is owed
    waits: it is sent when the endpoint is made active again.
    """
    if not endpoint.is_active:
        return
    endpoint.is_active, endpoint.disabled_reason, endpoint.updated_at = False, reason, at
    endpoint.save(update_fields=["is_active", "disabled_reason", "updated_at"])
    if endpoint.partner_id:
        events.publish([fact(endpoint, "endpoint.disabled")], by=BY, now=at)


def fact(endpoint: Endpoint, type: str) -> events.Fact:  # noqa: A002 -- as in events
    """What happened to a partner's endpoint."""
    if endpoint.partner_id is None:
        raise RuntimeError("an operator's endpoint is no partner's to be told about")
    return events.Fact(
        partner_id=endpoint.partner_id,
        type=type,
        resource_id=endpoint.id,
        data=EndpointResource.render(endpoint),
    )
