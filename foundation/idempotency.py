"""A key lives on the row that it made, with a fingerprint of the request."""

from __future__ import annotations

from typing import TypeVar

from django.db import IntegrityError
from django.db.models import Model, QuerySet

from foundation.constraints import violated

M = TypeVar("M", bound=Model)


class IdempotencyKeyReused(Exception):
    """The key belongs to another request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another request.")


def find(rows: QuerySet[M], key: str, fingerprint: str) -> M | None:
    """The row that the key has made, if it has made one. Raises IdempotencyKeyReused."""
    row = rows.filter(idempotency_key=key).first()
    if row is not None and row.fingerprint != fingerprint:  # type: ignore[attr-defined]  # has both
        raise IdempotencyKeyReused
    return row


def replayed(
    rows: QuerySet[M], key: str, fingerprint: str, *, refusal: Exception, constraint: str
) -> M:
    """The row that the key made before the request was refused: because the row exists (the key's
    `constraint`), or because what it made has changed since, an amount that is refunded, say.

    Raises the refusal when it was for something else, and IdempotencyKeyReused.
    """
    is_about_key = not isinstance(refusal, IntegrityError) or violated(refusal) == constraint
    row = find(rows, key, fingerprint) if is_about_key else None
    if row is None:
        raise refusal
    return row
