"""The figures of the overview: one set-based query each, over what the person chose to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from charges.models import ChargeStatus
from installments.models import InstallmentStatus

AHEAD = timedelta(days=30)
TOP = 8
Rows = list[dict[str, Any]]

OF_PARTNER = "(%(partner)s IS NULL OR {0}.partner_id = %(partner)s::uuid)"

COLLECTED = f"""
SELECT currency, (succeeded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS count,
    sum(wallet_amount) AS wallet, sum(external_amount) AS card
FROM charges_charge c
WHERE succeeded_at >= %(start)s AND succeeded_at < %(end)s AND {OF_PARTNER.format("c")}
GROUP BY 1, 2 ORDER BY 1, 2
"""
REFUNDED = f"""
SELECT currency, count(*) AS count, sum(amount) AS amount FROM charges_refund r
WHERE status = 'succeeded' AND succeeded_at >= %(start)s AND succeeded_at < %(end)s
    AND {OF_PARTNER.format("r")}
GROUP BY 1
"""
OUTCOMES = f"""
SELECT status, coalesce(nullif(failure_decline_code, ''), failure_code) AS code, count(*) AS count
FROM charges_charge c
WHERE created_at >= %(start)s AND created_at < %(end)s AND {OF_PARTNER.format("c")}
GROUP BY 1, 2 ORDER BY 3 DESC, 2
"""
ORDERS = f"""
SELECT status, currency, count(*) AS count,
    CASE WHEN status IN ('canceled', 'written_off') THEN 0
        ELSE sum(amount - amount_paid) END AS amount
FROM installments_installmentorder o WHERE {OF_PARTNER.format("o")} GROUP BY 1, 2 ORDER BY 1, 2
"""
UPCOMING = f"""
SELECT o.currency, p.due_date AS day, count(*) AS count, sum(p.amount + p.late_fee) AS amount
FROM installments_installment p JOIN installments_installmentorder o ON o.id = p.order_id
WHERE p.status = '{InstallmentStatus.PENDING}' AND p.next_attempt_at IS NOT NULL
    AND p.due_date BETWEEN %(today)s AND %(ahead)s AND {OF_PARTNER.format("p")}
GROUP BY 1, 2 ORDER BY 1, 2
"""
PAST_DUE = f"""
SELECT o.currency, width_bucket((%(today)s - p.due_date)::int, ARRAY[8, 31, 91]) AS age,
    count(*) AS count, sum(p.amount + p.late_fee) AS amount
FROM installments_installment p JOIN installments_installmentorder o ON o.id = p.order_id
WHERE p.status IN ('{InstallmentStatus.OVERDUE}', '{InstallmentStatus.FAILED}')
    AND {OF_PARTNER.format("p")}
GROUP BY 1, 2 ORDER BY 1, 2
"""
DELIVERIES = f"""
SELECT status, count(*) AS count FROM webhooks_delivery d
WHERE created_at >= %(start)s AND created_at < %(end)s AND {OF_PARTNER.format("d")} GROUP BY 1
"""
BACKLOG = f"""
SELECT
    (SELECT count(*) FROM charges_charge WHERE next_attempt_at <= %(now)s) AS charges,
    (SELECT count(*) FROM installments_installment
        WHERE next_attempt_at <= %(now)s
            AND status IN ('{InstallmentStatus.PENDING}', '{InstallmentStatus.OVERDUE}')) AS parts,
    (SELECT count(*) FROM webhooks_delivery d JOIN webhooks_endpoint n ON n.id = d.endpoint_id
        WHERE d.next_attempt_at <= %(now)s AND n.is_active AND n.deleted_at IS NULL) AS deliveries,
    (SELECT count(*) FROM charges_processorevent WHERE next_attempt_at <= %(now)s) AS callbacks
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """From one UTC day to another, the last one included; of one partner or of all."""

    first: date
    last: date
    partner_id: UUID | None
    now: datetime

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "start": self.first,
            "end": self.last + timedelta(days=1),
            "partner": self.partner_id and str(self.partner_id),
            "today": self.now.date(),
            "ahead": self.now.date() + AHEAD,
            "now": self.now,
        }


def collected(scope: Scope) -> Rows:
    """By currency and day: how many charges, and minor units by wallet and by card."""
    return _rows(COLLECTED, scope.parameters)


def refunded(scope: Scope) -> dict[str, tuple[int, int]]:
    """By currency: how many refunds, and minor units that went back."""
    rows = _rows(REFUNDED, scope.parameters)
    return {row["currency"]: (row["count"], int(row["amount"])) for row in rows}


def outcomes(scope: Scope) -> Rows:
    """Charges made in the period, by state and failure code, the most frequent first."""
    return _rows(OUTCOMES, scope.parameters)


def orders(scope: Scope) -> Rows:
    """All orders by state and currency: how many, minor units left to pay."""
    return _rows(ORDERS, scope.parameters)


def upcoming(scope: Scope) -> Rows:
    """By currency and day: parts that fall due within AHEAD and are collected then: minor units."""
    return _rows(UPCOMING, scope.parameters)


def past_due(scope: Scope) -> Rows:
    """By currency and age (0: up to 7 days, 1: to 30, 2: to 90, 3: more): minor units."""
    return _rows(PAST_DUE, scope.parameters)


def deliveries(scope: Scope) -> dict[str, int]:
    """Deliveries of events of the period, by status."""
    return {row["status"]: row["count"] for row in _rows(DELIVERIES, scope.parameters)}


def backlog(now: datetime) -> dict[str, int]:
    """What is due by now and not done yet, of all partners."""
    return _rows(BACKLOG, {"now": now})[0]


def success_rate(rows: Rows) -> float | None:
    """Percent of the charges that ended; None when none did."""
    ended = {ChargeStatus.SUCCEEDED: 0, ChargeStatus.FAILED: 0}
    for row in rows:
        if row["status"] in ended:
            ended[row["status"]] += row["count"]
    total = sum(ended.values())
    return 100 * ended[ChargeStatus.SUCCEEDED] / total if total else None


def _rows(sql: str, parameters: Mapping[str, Any]) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
