"""The key lives on the row that it made, with a fingerprint of the request."""

from __future__ import annotations


class IdempotencyKeyReused(Exception):
    """The key belongs to another request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with another request.")


def check(stored: str, asked: str) -> None:
    """Raises IdempotencyKeyReused unless both fingerprints are of one request."""
    if stored != asked:
        raise IdempotencyKeyReused
