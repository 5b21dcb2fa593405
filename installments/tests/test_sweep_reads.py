"""A sweep reads open work alone, however many orders ended with unpaid parts."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from foundation import actors
from installments import aging
from installments.as_of import AsOf
from installments.late_fees import LateFee
from installments.models import InstallmentOrder
from installments.services import sweeping
from installments.tests import stories
from installments.tests.stories import at, daily

FEE = LateFee(amount="1.00", percentage=None, grace_days=90, cap=None)
ENDED = 40


@pytest.fixture
def ended(agree):
    """Orders with unpaid parts in the past: of some the tries were used up, others never began."""
    for number in range(ENDED):
        agree(f"a{number}", daily(2), late_fee=FEE, auto_apply=True, activate=number % 2 == 0)
    for day in ("02-01", "02-03", "02-05", "02-08", "02-11", "02-15", "02-17", "02-20", "04-20"):
        stories.sweep(at(day))
    defaulted = InstallmentOrder.objects.filter(status="defaulted").count()
    assert defaulted == ENDED // 2
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE installments_installment, installments_installmentorder")


def rows_read(queryset):
    """Of the tables of orders and parts, whether kept or thrown away, with every index allowed."""
    sql, parameters = queryset.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parameters)
            (answer,) = cursor.fetchone()
        finally:
            cursor.execute("RESET enable_seqscan")
    plan = answer if isinstance(answer, list) else json.loads(answer)
    return sum(_reads(plan[0]["Plan"]))


def _reads(node):
    if node.get("Relation Name", "").startswith("installments_"):
        thrown = node.get("Rows Removed by Filter", 0) + node.get(
            "Rows Removed by Index Recheck", 0
        )
        yield (node["Actual Rows"] + thrown) * node["Actual Loops"]
    for child in node.get("Plans", []):
        yield from _reads(child)


def steps():
    now = at("12-01")
    works = [
        sweeping._collecting(AsOf(now), None, actors.system("test"), now),
        *sweeping._passing(AsOf(now), actors.system("test"), now),
    ]
    return [(f"{place} {work.name}", work.rows) for place, work in enumerate(works)]


def test_no_step_reads_what_ended(ended):
    read = {name: rows_read(rows[:500]) for name, rows in steps()}

    assert read == dict.fromkeys(read, 0)


def test_what_is_open_is_read(ended, agree):
    agree("zoe", daily(2, first="06-01"))

    assert rows_read(aging.becoming_overdue(AsOf(at("12-01")))) > 0
