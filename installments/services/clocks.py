"""Work: installments keep their local dates when a government changes its clocks.

What was agreed on are dates. Moments follow from them and are stored, because sweeps look for them;
an update of the database of time zones makes those of later days wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from django.db.models import Q

from foundation import rows
from installments import collection, schedule
from installments.models import UNPAID, Installment, InstallmentQuerySet, OrderStatus
from installments.services.isolating import Work
from installments.services.paying import wallets_of_installments

KEPT = "kept"
AGREED = (OrderStatus.PENDING, OrderStatus.ACTIVE, OrderStatus.PAUSED, OrderStatus.DEFAULTED)
WRITTEN = ["due_at", "overdue_from", "late_fee_from", "next_attempt_at", "updated_at"]
FIELDS = [
    "order__timezone",
    "order__due_hour",
    "order__retry_policy__grace_days",
    "due_date",
    "due_at",
    "overdue_from",
    "next_attempt_at",
]


class Moments(NamedTuple):
    due_at: datetime
    overdue_from: datetime
    next_attempt_at: datetime | None


def keeping_dates(now: datetime) -> Iterator[Work]:
    """Unpaid installments with moments to come that their local dates do not have any more. Of
    installments that have all in common, however many, one is computed. Unknown zones are the
    sweep's to tell.
    """
    waiting = Installment.objects.filter(
        Q(overdue_from__gt=now) | Q(next_attempt_at__gt=now),
        status__in=UNPAID,
        order__status__in=AGREED,
    ).order_by()
    for found in waiting.values_list(*FIELDS).distinct():
        zone, hour, grace, day, *stored = found
        if not isinstance(grace, int) or zone not in schedule.zones():
            continue
        right = _right(zone, hour, timedelta(days=grace), day, Moments(*stored), now)
        if right != Moments(*stored):
            yield _keeping(waiting.filter(**dict(zip(FIELDS, found, strict=True))), right, now)


def _right(
    zone: str, hour: int, grace: timedelta, day: date, stored: Moments, now: datetime
) -> Moments:
    """As the zone's clock is known now; the next try stays the due hour that it was meant to be."""
    due_at, planned = schedule.moment(day, hour, zone), stored.next_attempt_at
    if planned == stored.due_at:
        planned = due_at
    elif planned and planned > now:
        planned = schedule.nearest(planned, hour, zone)
    return Moments(due_at, schedule.end_of(day + grace, zone), planned)


def _keeping(installments: InstallmentQuerySet, right: Moments, now: datetime) -> Work:
    return Work(
        "keep dates",
        installments,
        collection.claim,
        partial(_keep, right=right, now=now),
        wallets_of_installments,
    )


def _keep(installments: Sequence[Any], *, right: Moments, now: datetime) -> Counter[str]:
    """A late fee, which a pause may have put off, follows the end of the due date."""
    for installment in installments:
        if installment.late_fee_from:
            installment.late_fee_from += right.overdue_from - installment.overdue_from
        installment.due_at, installment.overdue_from, installment.next_attempt_at = right
        installment.updated_at = now
    rows.update(installments, WRITTEN)
    return Counter({KEPT: len(installments)})
