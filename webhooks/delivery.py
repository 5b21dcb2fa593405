"""Delivering one event to one endpoint, and the ladder of retries when it fails."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q

from foundation import actors, rows, states
from webhooks import claiming, egress, events, signing
from webhooks.claiming import Claim, Owed
from webhooks.models import TEST, Delivery, DeliveryStatus, Endpoint
from webhooks.serializers import EndpointResource

# Seconds from one attempt to the next (Svix's ladder, stretched to a day).
LADDER = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
JITTER = 0.1
MAX_RETRY_AFTER = 86400.0
GONE = 410
BEFORE_REST = 3
TRIES = 5
"""Attempts after which a delivery that a fault of ours keeps back is given up."""
FAULT = "It could not be made ready to send, or its answer not kept: the fault is ours."
LOST = "It was begun several times, and no attempt came to an end: the fault is ours."
HEALTHY = {"failing_since": None, "failures": 0, "rests_until": None}
PATIENCE = timedelta(days=5)
"""How long an endpoint may fail without a success in between."""
BY = actors.system("webhooks")

RECORD = f"""
WITH told AS (
    SELECT * FROM json_to_recordset(%s) AS o (
        id uuid, number int, status text, next_attempt_at timestamptz, delivered_at timestamptz,
        started_at timestamptz, duration_ms int, response_status int, response_excerpt text,
        error text)
), stood AS (
    UPDATE webhooks_delivery d SET status = t.status, next_attempt_at = t.next_attempt_at,
        delivered_at = t.delivered_at, is_leased = false
    FROM told t
    WHERE d.id = t.id AND d.attempt_count = t.number AND d.next_attempt_at IS NOT NULL
        AND {states.allowed(Delivery, "d.status", "t.status")}
    RETURNING d.id
)
INSERT INTO webhooks_attempt (delivery_id, number, started_at, duration_ms, response_status,
    response_excerpt, error)
SELECT t.id, t.number, t.started_at, t.duration_ms, t.response_status, t.response_excerpt, t.error
FROM told t JOIN stood s ON s.id = t.id
RETURNING delivery_id
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
    next_attempt_at = %(now)s, is_leased = false,
    replayed_after = webhooks_delivery.attempt_count
WHERE {states.allowed(Delivery, "webhooks_delivery.status", "excluded.status")}
"""


def requeue_window(endpoint_id: UUID, *, since: datetime, until: datetime, now: datetime) -> int:
    """Every event of the window that the endpoint wants is owed to it, again or for the first time;
    returns how many.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            OWE_WINDOW, {"endpoint": endpoint_id, "since": since, "until": until, "now": now}
        )
        return int(cursor.rowcount)


def acquire_slot(endpoint_id: UUID, now: datetime) -> bool:
    """Whether to send to the endpoint now. One that fails is tried by one sender at a time, after
    its rest, however many run.
    """
    failing = Endpoint.objects.filter(id=endpoint_id, failing_since__isnull=False)
    if not failing.exists():
        return True
    rested = failing.filter(
        Q(rests_until=None)
        | Q(rests_until__lte=now)
        | Q(rests_until__gt=now + claiming.LONGEST_REST)  # told under another clock
    )
    return bool(rested.update(rests_until=now + claiming.LEASE))


def signed(owed: Owed, secrets: Sequence[str], now: datetime) -> tuple[bytes, dict[str, str]]:
    """The event's frozen body, and the headers of an attempt at this moment."""
    body = signing.body(
        id=owed.event_id,
        type=owed.type,
        created_at=owed.created_at,
        sequence=owed.sequence,
        data=owed.data,
    )
    headers = signing.headers(secrets=secrets, event_id=owed.event_id, body=body, at=now)
    return body, {**headers, "Content-Type": "application/json"}


def secrets_of(endpoint: Endpoint, now: datetime) -> list[str]:
    """The secret, and the one before it for a day. The operator's endpoints sign with
    WEBHOOK_SECRET, which no table holds.
    """
    if endpoint.partner_id is None:
        return [str(settings.WEBHOOK_SECRET)]
    until = endpoint.previous_secret_until
    is_rotating = until is not None and now < until
    return [endpoint.secret, *([endpoint.previous_secret] if is_rotating else [])]


class Outcome(NamedTuple):
    """What came of an attempt. One `by_fault` was not made: something of ours is broken."""

    claim: Claim
    answer: egress.Answer
    started_at: datetime
    by_fault: bool = False


def fault(claim: Claim, now: datetime) -> Outcome:
    """It could not be made ready, or what came of it could not be kept."""
    error = LOST if claim.lost >= TRIES else FAULT
    return Outcome(claim, egress.Answer(None, "", error, None, 0), now, by_fault=True)


def record(endpoint_id: UUID, outcomes: Sequence[Outcome]) -> None:
    """The attempts are on the log, the deliveries and their endpoint stand as the answers say.

    A step: the caller's transaction. An attempt that lost its lease and was overtaken is logged by
    the one that overtook it, and changes nothing.
    """
    # Before its deliveries, as who replays them does.
    endpoint = Endpoint.objects.select_for_update(no_key=True).get(id=endpoint_id)
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [rows.encode(_row(outcome) for outcome in outcomes)])
        stood = {id_ for (id_,) in cursor.fetchall()}
    _note_health(endpoint, [o for o in outcomes if o.claim.id in stood and not o.by_fault])


def _row(outcome: Outcome) -> dict[str, object]:
    claim, answer, at, _ = outcome
    return {
        **_standing(outcome),
        "id": claim.id,
        "number": claim.number,
        "started_at": at,
        "duration_ms": answer.duration_ms,
        "response_status": answer.status,
        "response_excerpt": answer.excerpt,
        "error": answer.error,
    }


def _standing(outcome: Outcome) -> dict[str, object]:
    claim, answer, at, by_fault = outcome
    if answer.is_success:
        return {"status": DeliveryStatus.DELIVERED, "delivered_at": at}
    wait = retry_wait(claim.tries, answer.retry_after)
    if wait is None or (by_fault and max(claim.tries, claim.lost) >= TRIES):
        return {"status": DeliveryStatus.EXHAUSTED}
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
    return timedelta(seconds=min(2.0 ** min(failures, 16), claiming.LONGEST_REST.total_seconds()))


def _note_health(endpoint: Endpoint, outcomes: Sequence[Outcome]) -> None:
    """The locked endpoint has the failures since its last success, in the order of the outcomes."""
    if all(outcome.answer.is_success for outcome in outcomes) and not endpoint.failing_since:
        return
    for outcome in outcomes:
        _note(endpoint, outcome.answer, outcome.started_at)
    endpoint.save(update_fields=list(HEALTHY))
    is_gone = any(outcome.answer.status == GONE for outcome in outcomes)
    last = max((outcome.started_at for outcome in outcomes), default=None)
    if last and is_gone:
        _disable(endpoint, "The receiver answered 410 Gone.", last)
    elif last and endpoint.partner_id and _is_hopeless(endpoint, last):
        _disable(endpoint, "No delivery succeeded for 5 days.", last)


def _is_hopeless(endpoint: Endpoint, at: datetime) -> bool:
    return endpoint.failing_since is not None and endpoint.failing_since <= at - PATIENCE


def _note(endpoint: Endpoint, answer: egress.Answer, at: datetime) -> None:
    if answer.is_success:
        endpoint.failing_since, endpoint.failures, endpoint.rests_until = None, 0, None
        return
    endpoint.failures += 1
    endpoint.failing_since = min(endpoint.failing_since or at, at)
    endpoint.rests_until = at + rest(endpoint.failures)


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
        raise RuntimeError("an operator's endpoint belongs to no partner")
    return events.Fact(
        partner_id=endpoint.partner_id,
        type=type,
        resource_id=endpoint.id,
        data=EndpointResource.render(endpoint),
    )
