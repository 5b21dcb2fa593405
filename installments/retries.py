"""When an installment is tried again. Pure.

The `standard` policy tries on days 0, 1, 3, 5, 7, 10 and 14 after the due date, at the due hour.
A run that comes late keeps the distances between tries, so that downtime costs nobody a try.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TypedDict

from installments import schedule


class Policy(TypedDict):
    """Frozen onto each order: days after the due date of the tries, and until an installment is
    overdue; days from the last failed try until the order is defaulted.
    """

    name: str
    offsets: list[int]
    grace_days: int
    default_after_days: int


STANDARD = Policy(
    name="standard", offsets=[0, 1, 3, 5, 7, 10, 14], grace_days=0, default_after_days=30
)


def standard_offsets() -> list[int]:
    return list(STANDARD["offsets"])


def next_attempt(
    policy: Policy, attempts: int, *, at: datetime, zone: str, hour: int
) -> datetime | None:
    """The try after the `attempts`-th, made at `at`; None when there is none left."""
    offsets = policy["offsets"]
    if attempts >= len(offsets):
        return None
    days = offsets[attempts] - offsets[attempts - 1]
    day = schedule.local_date(at, zone) + timedelta(days=days)
    return schedule.moment(day, hour, zone)


def tried_before(policy: Policy, attempts: int, *, then: datetime) -> datetime | None:
    """When the `attempts`-th try was, if the next came on time, `then`; None before the first."""
    if attempts == 0:
        return None
    offsets = policy["offsets"]
    return then - timedelta(days=offsets[attempts] - offsets[attempts - 1])


def retry_dates(policy: Policy, due_date: date) -> list[date]:
    """The dates of all tries, if none comes late."""
    return [due_date + timedelta(days=days) for days in policy["offsets"]]
