"""Steps about attempts: each is leased, timed and recorded; some never come to an end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from charges import backoff
from charges.answers import Answer
from charges.models import WITH_PROCESSOR, CardAttempt, Charge, Refund

LEASE = timedelta(seconds=90)
"""How long a claimed row is left to whoever claimed it before a sweep resumes it."""
BEGUN_TOO_OFTEN = "Begun too often without an end."


@dataclass(frozen=True, slots=True)
class AttemptTimer:
    """A question to the processor that was begun; `record` says how it ended."""

    charge: Charge
    refund: Refund | None
    began_at: datetime
    began: float = field(default_factory=time.perf_counter)

    @classmethod
    def of(cls, row: Charge | Refund, now: datetime) -> AttemptTimer:
        return cls(row.charge, row, now) if isinstance(row, Refund) else cls(row, None, now)

    def record(self, answer: Answer, next_attempt_at: datetime | None) -> None:
        """The attempt is on record, in the caller's transaction."""
        failure = answer.failure
        CardAttempt.objects.create(
            charge=self.charge,
            refund=self.refund,
            number=(self.refund or self.charge).attempts,
            started_at=self.began_at,
            duration_ms=int((time.perf_counter() - self.began) * 1000),
            outcome=answer.outcome,
            external_id=answer.external_id[:255],
            code=failure.code[:64],
            decline_code=failure.decline_code[:64],
            advice_code=failure.advice_code[:64],
            message=answer.text[:500],
            next_attempt_at=next_attempt_at,
        )


def is_under_way(row: Charge | Refund, now: datetime) -> bool:
    """Somebody has leased it, and has not said yet how it ended."""
    if row.next_attempt_at is None or row.next_attempt_at <= now:
        return False
    return not _records(row).filter(number=row.attempts).exists()


def under_way(charges: QuerySet[Charge], now: datetime) -> QuerySet[Charge]:
    """Those of the charges that somebody is asking the processor about."""
    ended = CardAttempt.objects.filter(
        charge=OuterRef("id"), refund=None, number=OuterRef("attempts")
    )
    return charges.filter(
        ~Exists(ended),
        status__in=WITH_PROCESSOR,
        attempts__gt=0,
        next_attempt_at__gt=now,
        waiting_since=None,
    )


def lease(row: Charge | Refund, until: datetime) -> bool:
    """The locked row is ours until then. False when it was begun too often without an end: then it
    is left to staff.
    """
    row.attempts += 1
    row.next_attempt_at = until
    if is_poison := _cut_off(row) >= backoff.MAX_CUT_OFF:
        row.needs_review = row.needs_review or BEGUN_TOO_OFTEN
        row.next_attempt_at = None
    row.save(update_fields=["attempts", "next_attempt_at", "needs_review"])
    return not is_poison


def hand_back(row: Charge | Refund, now: datetime) -> None:
    """The lease is given back unused, to whoever looks next."""
    ours = type(row).objects.filter(
        id=row.id, attempts=row.attempts, next_attempt_at=row.next_attempt_at
    )
    row.attempts, row.next_attempt_at = row.attempts - 1, now
    ours.update(attempts=row.attempts, next_attempt_at=now)


def _cut_off(row: Charge | Refund) -> int:
    """How many attempts before this one left no record: their process died."""
    return row.attempts - 1 - _records(row).count()


def _records(row: Charge | Refund) -> QuerySet[CardAttempt]:
    if isinstance(row, Refund):
        return CardAttempt.objects.filter(refund=row)
    return CardAttempt.objects.filter(charge=row, refund=None)
