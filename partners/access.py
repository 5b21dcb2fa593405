"""Which partner a key opens, at one broker round trip a request.

A key that was looked up is remembered in the process for MEMORY seconds under the version of all
keys. Revoking or changing a key moves the version in the broker, which every request reads, so
it bites at once; with the broker away nothing is remembered and the database is asked.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Q
from redis.client import Pipeline

from foundation import broker
from partners import secrets
from partners.models import ApiKey, Partner

MEMORY = 5.0
MAX_REMEMBERED = 10_000
LAST_USED_STEP = timedelta(minutes=1)
VERSION_KEY = "api_keys:version"
WINDOW = 60


@dataclass(frozen=True, slots=True)
class Access:
    """What a key opens; `partner` is the row as it was when the key was looked up."""

    partner: Partner
    prefix: str
    secret_hash: str
    scopes: frozenset[str]
    expires_at: datetime | None

    @property
    def partner_id(self) -> UUID:
        return self.partner.id

    @property
    def limit(self) -> int:
        return self.partner.requests_per_minute or int(settings.PARTNER_REQUESTS_PER_MINUTE)


@dataclass(frozen=True, slots=True)
class Granted:
    """An access, and how many requests its partner made in this minute (None: unknown)."""

    access: Access
    requests: int | None


_remembered: dict[str, tuple[Access, bytes, float]] = {}


def authenticate(key: str, *, now: datetime) -> Granted | None:
    """The access that the key opens, or None: unknown, wrong, expired and revoked look alike.

    Only a request with the right secret counts as the partner's, and as a use of the key.
    """
    prefix, secret = secrets.split_key(key)
    access, version, read_at = _remembered.get(prefix, (None, b"", 0.0))
    if access is None:
        access = _look_up(prefix, secret, now)
    if access is None or not secrets.matches(secret, access.secret_hash):
        return None
    current, requests = _version_and_requests(access.partner_id, now)
    if current is None or current != version or time.monotonic() - read_at > MEMORY:
        access = _look_up(prefix, secret, now)
        _remember(prefix, access, current)
    if access is None or (access.expires_at is not None and access.expires_at <= now):
        return None
    return Granted(access, requests)


def forget_all() -> None:
    """Every process looks keys up again from its next request on.

    The version is drawn, not counted: after a flush a counter would come back to an old one.
    """
    broker.ask(lambda pipeline: pipeline.set(VERSION_KEY, uuid4().hex))


def _remember(prefix: str, access: Access | None, version: bytes | None) -> None:
    if access is None or version is None:
        _remembered.pop(prefix, None)
        return
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[prefix] = (access, version, time.monotonic())


def _version_and_requests(partner_id: UUID, now: datetime) -> tuple[bytes | None, int | None]:
    counter = f"requests:{partner_id}:{int(now.timestamp()) // WINDOW}"

    def commands(pipeline: Pipeline) -> None:
        pipeline.get(VERSION_KEY)
        pipeline.incr(counter)

    if (answers := broker.ask(commands)) is None:
        return None, None
    version, requests = answers
    if requests == 1:
        broker.ask(lambda pipeline: pipeline.expire(counter, 2 * WINDOW))
    return version or b"0", requests


def _look_up(prefix: str, secret: str, now: datetime) -> Access | None:
    key = ApiKey.objects.select_related("partner").filter(prefix=prefix).first()
    if key is None or not key.is_live(now) or not secrets.matches(secret, key.secret_hash):
        return None
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USED_STEP)
    ApiKey.objects.filter(stale, id=key.id).update(last_used_at=now)
    return Access(key.partner, key.prefix, key.secret_hash, frozenset(key.scopes), key.expires_at)
