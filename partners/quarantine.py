"""Steps: rows that break the work on them rest, and are set aside after some tries by themselves.

A piece of work says its name; the same row may break one and not another
(docs/decisions/0020-quarantine.md).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, F, Model, OuterRef, Q

from foundation import rows
from partners.models import LONGEST_REST, TRIES, Quarantined

RESTS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), LONGEST_REST]
"""After the first failure, the second, …; after the last try a person decides."""
REMEMBERED = timedelta(days=7)
"""So long staff see of a row that it failed once and went well since."""

# Of two runs that break on a row at once, the second finds it resting and does not count.
COUNT = """
INSERT INTO partners_quarantined AS q (
    id, partner_id, work, model, row_id, failures, reason, since, failed_at, rests_until)
SELECT gen_random_uuid(), x.partner_id, %(work)s, %(model)s, x.row_id, 1, %(reason)s,
    %(now)s, %(now)s, %(now)s + (%(rests)s::interval[])[1]
FROM json_to_recordset(%(rows)s) AS x (row_id uuid, partner_id uuid)
ON CONFLICT (row_id, work) DO UPDATE SET
    failures = least(q.failures + 1, 32767),
    reason = excluded.reason,
    since = CASE WHEN q.failures = 0 THEN excluded.since ELSE q.since END,
    failed_at = excluded.failed_at,
    rests_until = %(now)s + CASE
        WHEN q.failures + 1 < %(tries)s THEN (%(rests)s::interval[])[q.failures + 1]
        ELSE %(last_rest)s END,
    set_aside_at = CASE WHEN q.failures + 1 >= %(tries)s
        THEN coalesce(q.set_aside_at, excluded.failed_at) END
WHERE NOT (q.rests_until IS NULL
    OR q.rests_until > %(now)s AND q.rests_until <= %(now)s + %(longest)s)
"""
CLEAR = """
WITH forgotten AS (
    DELETE FROM partners_quarantined
    WHERE failures = 0 AND failed_at < %(now)s - %(remembered)s AND row_id <> ALL (%(ids)s::uuid[]))
UPDATE partners_quarantined SET failures = 0, rests_until = %(now)s, set_aside_at = NULL
WHERE row_id = ANY (%(ids)s::uuid[]) AND work = %(work)s AND failures > 0
"""


def is_tried(work: str, now: datetime) -> Q:
    """Rows that do not rest from that work."""
    resting = Quarantined.objects.filter(work=work, row_id=OuterRef("pk")).resting(now)
    return Q(~Exists(resting))


def count(
    work: str,
    model: type[Model],
    ids: Collection[UUID],
    *,
    reason: str,
    is_passing: bool,
    now: datetime,
) -> None:
    """The rows have failed once more, and rest. After TRIES they are set aside: until a person asks
    for them, or, when what was in the way may pass by itself, tried once every LONGEST_REST.
    """
    found = model._base_manager.filter(pk__in=ids).values("partner_id", row_id=F("pk"))
    values: dict[str, Any] = {
        "work": work,
        "model": model._meta.model_name,
        "reason": reason[:300],
        "now": now,
        "rows": rows.encode(found),
        "rests": RESTS,
        "tries": TRIES,
        "longest": LONGEST_REST,
        "last_rest": LONGEST_REST if is_passing else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT, values)


def clear(work: str, ids: Collection[UUID], *, now: datetime) -> None:
    """The work on these rows went well: earlier failures of theirs are past."""
    values: dict[str, Any] = {
        "work": work,
        "ids": list(map(str, ids)),
        "now": now,
        "remembered": REMEMBERED,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLEAR, values)
