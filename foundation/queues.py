"""Rows as a queue: `next_attempt_at` says when, locks say whose, and nobody waits for a lock."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)


def take_next(due: QuerySet[M]) -> M | None:
    """The row that is longest due, locked; None when there is none that nobody has locked."""
    return take(due.order_by("next_attempt_at", "id"))


def take(rows: QuerySet[M]) -> M | None:
    """The first of the rows that nobody has locked, locked."""
    return rows.select_for_update(of=("self",), skip_locked=True).first()
