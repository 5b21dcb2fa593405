"""Which endpoints are due, and the batches of deliveries that a sender has for a while.

A claim is a lease: a killed sender's deliveries are due again when it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from foundation import rows
from webhooks import egress

LEASE = timedelta(seconds=2 * egress.TIMEOUT)
LONGEST_WAIT = timedelta(hours=27)
"""More than any step of the ladder with its jitter."""
LONGEST_REST = timedelta(minutes=5)

# A loose index scan: one probe an endpoint, however long its queue is. One that rests for longer
# than any rest was told so under another clock.
DUE_ENDPOINTS = """
SELECT n.id, n.failing_since IS NOT NULL FROM webhooks_endpoint n
WHERE n.is_active AND n.deleted_at IS NULL AND n.id <> ALL (%(but)s::uuid[])
    AND coalesce(n.rests_until <= %(now)s OR n.rests_until > %(now)s + %(longest)s, true)
    AND EXISTS (SELECT FROM webhooks_delivery d
        WHERE d.endpoint_id = n.id AND d.next_attempt_at <= %(now)s)
"""

CLAIM = """
WITH due AS (
    SELECT d.id, d.is_leased AS was_leased FROM webhooks_delivery d
    WHERE d.endpoint_id = %(endpoint)s AND d.next_attempt_at <= %(now)s AND EXISTS (
        SELECT FROM webhooks_endpoint n
        WHERE n.id = %(endpoint)s AND n.is_active AND n.deleted_at IS NULL)
    ORDER BY d.next_attempt_at, d.id LIMIT %(room)s FOR UPDATE SKIP LOCKED
)
UPDATE webhooks_delivery d
SET attempt_count = d.attempt_count + 1, next_attempt_at = %(until)s, is_leased = true
FROM due WHERE d.id = due.id
RETURNING d.id, d.attempt_count, d.replayed_after, CASE WHEN was_leased THEN
    d.attempt_count - 1 - greatest(d.replayed_after, coalesce(
        (SELECT max(a.number) FROM webhooks_attempt a WHERE a.delivery_id = d.id), 0))
    ELSE 0 END
"""

RELEASE = """
UPDATE webhooks_delivery d
SET attempt_count = d.attempt_count - 1, next_attempt_at = %(now)s, is_leased = false
FROM json_to_recordset(%(claims)s) AS c (id uuid, number int)
WHERE d.id = c.id AND d.attempt_count = c.number AND d.is_leased
"""

READ = """
SELECT d.id, e.id, e.type, e.created_at, e.sequence, e.data
FROM webhooks_delivery d JOIN webhooks_event e ON e.id = d.event_id WHERE d.id = ANY (%s)
"""

# What nobody tried yet is due at once, what a sender has within its lease, all else within the
# ladder: what is further ahead was written under another clock.
RETRIEVE = """
UPDATE webhooks_delivery SET next_attempt_at = %(now)s, is_leased = false WHERE id IN (
    SELECT id FROM webhooks_delivery
    WHERE next_attempt_at > %(now)s + %(lease)s AND (is_leased OR status = 'pending')
    UNION ALL
    SELECT d.id FROM webhooks_endpoint n CROSS JOIN LATERAL (
        SELECT id FROM webhooks_delivery
        WHERE endpoint_id = n.id AND next_attempt_at > %(now)s + %(longest)s LIMIT 1000) d)
"""


class Claim(NamedTuple):
    """A delivery that is ours until its lease ends. `lost` senders in a row had it before, and told
    nothing.
    """

    id: UUID
    number: int
    replayed_after: int
    lost: int

    @property
    def tries(self) -> int:
        """Attempts of this round of the ladder, with this one."""
        return self.number - self.replayed_after


class Owed(NamedTuple):
    """The event of a delivery, as its body is made of it."""

    event_id: UUID
    type: str
    created_at: datetime
    sequence: int
    data: str


def due_endpoints(now: datetime, *, but: Sequence[UUID] = ()) -> list[tuple[UUID, bool]]:
    """Endpoints with something due, and whether they fail; without those named."""
    values: Any = {"now": now, "longest": LONGEST_REST, "but": [str(id_) for id_ in but]}
    with connection.cursor() as cursor:
        cursor.execute(DUE_ENDPOINTS, values)
        return list(cursor.fetchall())


def claim(endpoint_id: UUID, room: int, now: datetime) -> list[Claim]:
    """The endpoint's longest-due deliveries, at most so many, ours for LEASE; oldest first."""
    values: Any = {"endpoint": endpoint_id, "room": room, "now": now, "until": now + LEASE}
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        return sorted(Claim(*row) for row in cursor.fetchall())


def release(claims: Sequence[Claim], now: datetime) -> None:
    """They were not tried, and are due."""
    if not claims:
        return
    given = rows.encode({"id": claim.id, "number": claim.number} for claim in claims)
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, {"claims": given, "now": now})


def read(claims: Sequence[Claim]) -> dict[UUID, Owed]:
    """What is owed, by delivery."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [[claim.id for claim in claims]])
        return {id_: Owed(*event) for id_, *event in cursor.fetchall()}


def retrieve(now: datetime) -> int:
    """What was put off under a clock that was ahead is due; returns how many."""
    values: Any = {"now": now, "lease": LEASE, "longest": LONGEST_WAIT}
    with connection.cursor() as cursor:
        cursor.execute(RETRIEVE, values)
        return int(cursor.rowcount)
