"""`publish`: the one step by which a fact becomes an event and its deliveries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from foundation import broker, rows
from foundation.actors import Actor

DELIVER_TASK = "webhooks.deliver_due"

# A delivery's id shares its event's millisecond (UUIDv7, RFC 9562), so that both lists sort alike.
PUBLISH = """
WITH incoming AS (
    SELECT * FROM json_to_recordset(%(events)s) AS e (
        place int, id uuid, partner_id uuid, type text, resource_id uuid, data text)
), published AS (
    INSERT INTO webhooks_event
        (id, partner_id, type, resource_id, sequence, data, request_id, transaction_id,
         created_at)
    SELECT i.id, i.partner_id, i.type, i.resource_id,
        coalesce((SELECT max(e.sequence) FROM webhooks_event e
                  WHERE e.resource_id = i.resource_id), 0)
            + row_number() OVER (PARTITION BY i.resource_id ORDER BY i.place),
        i.data, %(request_id)s, pg_current_xact_id()::text::bigint, %(now)s
    FROM incoming i
    RETURNING id, partner_id, type
)
INSERT INTO webhooks_delivery
    (id, partner_id, event_id, endpoint_id, status, attempt_count, replayed_after,
     next_attempt_at, created_at)
SELECT (left(p.id::text, 15) || substr(gen_random_uuid()::text, 16))::uuid,
    p.partner_id, p.id, n.id, 'pending', 0, 0, %(now)s, %(now)s
FROM published p
JOIN webhooks_endpoint n
    ON (n.partner_id = p.partner_id OR n.partner_id IS NULL)
    AND n.is_active AND n.deleted_at IS NULL
    AND CASE WHEN %(to)s::uuid IS NULL THEN webhooks_wants(n.event_types, p.type)
        ELSE n.id = %(to)s::uuid END
"""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened to a resource; `data` is the resource as in the API."""

    partner_id: UUID
    type: str
    resource_id: UUID
    data: Mapping[str, Any]


def publish(facts: Sequence[Fact], *, to: UUID | None = None, by: Actor, now: datetime) -> None:
    """Every fact is an event with the next sequence of its resource, owed to who wants it, or to
    one endpoint alone.

    One statement however many facts. The caller's transaction holds the lock of each resource,
    which keeps sequences free of gaps and repeats.
    """
    if not facts:
        return
    if not connection.in_atomic_block:
        raise RuntimeError("events.publish is part of somebody's transaction")
    incoming = (
        {
            "place": place,
            "id": uuid7(),
            "partner_id": fact.partner_id,
            "type": fact.type,
            "resource_id": fact.resource_id,
            "data": json.dumps(fact.data),
        }
        for place, fact in enumerate(facts)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            PUBLISH,
            {
                "events": rows.encode(incoming),
                "request_id": by.request_id,
                "to": to,
                "now": now,
            },
        )
        if cursor.rowcount:
            broker.nudge(DELIVER_TASK)
