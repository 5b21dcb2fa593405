"""Standard Webhooks on the wire (github.com/standard-webhooks/standard-webhooks, spec). Pure.

The body is frozen: composed of an event's stored columns, it has the same bytes at every attempt.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105 -- the public prefix of every secret
SECRET_BYTES = 32


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def instant(at: datetime) -> str:
    """UTC as resources show it."""
    return at.isoformat().replace("+00:00", "Z")


def body(*, id: UUID, type: str, created_at: datetime, sequence: int, data: str) -> bytes:  # noqa: A002
    """`{id, type, created_at, sequence, data}`; `data` is JSON text already."""
    head = {"id": str(id), "type": type, "created_at": instant(created_at), "sequence": sequence}
    return f'{json.dumps(head)[:-1]}, "data": {data}}}'.encode()


def headers(*, secrets: Sequence[str], event_id: UUID, body: bytes, at: datetime) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` and `webhook-signature` of one attempt at `at` (UTC).

    One signature for each secret: while one is rotated, a receiver may know either.
    """
    signatures = [Webhook(secret).sign(str(event_id), at, body.decode()) for secret in secrets]
    return {
        "webhook-id": str(event_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
