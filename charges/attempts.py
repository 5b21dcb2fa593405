"""Steps about attempts: conversations with the processor, and those that never came to an end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from charges import backoff
from charges.models import WITH_PROCESSOR, CardAttempt, Charge, Outcome, Refund

BEGUN_TOO_OFTEN = "Begun too often without an end."


def contradiction(ours: Mapping[str, object], theirs: Mapping[str, object]) -> str:
    """What the processor says otherwise than we asked, in words; empty when both agree."""
    said = [
        f"{name} {theirs[name]} instead of {asked}"
        for name, asked in ours.items()
        if theirs[name] != asked
    ]
    return f"The processor says: {', '.join(said)}." if said else ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A question to the processor that was begun; `note` says how it ended."""

    charge: Charge
    refund: Refund | None
    began_at: datetime
    began: float = field(default_factory=time.perf_counter)

    def note(
        self,
        outcome: Outcome,
        *,
        external_id: str = "",
        code: str = "",
        decline_code: str = "",
        advice_code: str = "",
        message: str = "",
        next_attempt_at: datetime | None = None,
    ) -> None:
        """The attempt is on record, in the caller's transaction."""
        CardAttempt.objects.create(
            charge=self.charge,
            refund=self.refund,
            number=(self.refund or self.charge).attempts,
            started_at=self.began_at,
            duration_ms=int((time.perf_counter() - self.began) * 1000),
            outcome=outcome,
            external_id=external_id[:255],
            code=code[:64],
            decline_code=decline_code[:64],
            advice_code=advice_code[:64],
            message=message[:500],
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


def hand_on(row: Charge | Refund, now: datetime) -> None:
    """A step: the lease is given back unused, to whoever looks next."""
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
