"""Doors: partners and their keys; rows that are set aside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from partners import access, secrets
from partners.models import ALL_SCOPES, ApiKey, Partner, Quarantined

ROTATION = timedelta(hours=24)
"""How long a key still opens after another one took over."""


class PartnerExists(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(f"A partner named {name!r} exists.")


class NameMissing(Exception):
    def __init__(self) -> None:
        super().__init__("A partner needs a name.")


class KeyEnding(Exception):
    def __init__(self) -> None:
        super().__init__("The key ends within a day, or has ended: make a new one instead.")


class UnknownScope(Exception):
    def __init__(self, scopes: Sequence[str]) -> None:
        known = ", ".join(ALL_SCOPES)
        super().__init__(f"Unknown scope: {', '.join(scopes)}. Known are {known}.")


def find_partner(text: str) -> Partner | None:
    """The partner of that id or name."""
    try:
        return Partner.objects.filter(id=UUID(text)).first()
    except ValueError:
        return Partner.objects.filter(name=text).first()


def create_partner(*, name: str, now: datetime) -> Partner:
    """A partner exists under that name. Raises NameMissing, PartnerExists."""
    if not name.strip():
        raise NameMissing
    try:
        with transaction.atomic(durable=True):
            return Partner.objects.create(name=name, created_at=now)
    except IntegrityError as error:
        raise PartnerExists(name) from error


def create_api_key(
    *,
    partner: Partner,
    now: datetime,
    name: str = "default",
    scopes: Sequence[str] = tuple(ALL_SCOPES),
    expires_at: datetime | None = None,
    key: str | None = None,
) -> tuple[ApiKey, str]:
    """A live key exists; returns it with its text, which is stored nowhere.

    `key` presets the text (development stacks); otherwise it is drawn at random.
    Raises UnknownScope.
    """
    if unknown := [scope for scope in scopes if scope not in ALL_SCOPES]:
        raise UnknownScope(unknown)
    with transaction.atomic(durable=True):
        row, text = _new_key(partner, now, name=name, scopes=scopes, expires_at=expires_at, key=key)
    access.forget_all()
    return row, text


def _new_key(
    partner: Partner,
    now: datetime,
    *,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    key: str | None = None,
) -> tuple[ApiKey, str]:
    text = key or secrets.new_key()
    prefix, secret = secrets.split_key(text)
    row = ApiKey.objects.create(
        partner=partner,
        name=name,
        prefix=prefix,
        secret_hash=secrets.hash_secret(secret),
        scopes=list(scopes),
        expires_at=expires_at,
        created_at=now,
    )
    return row, text


def rotate_api_key(*, api_key: ApiKey, now: datetime) -> tuple[ApiKey, str]:
    """A new key of the same name, scopes and end exists; the old one ends with ROTATION, or before.
    Returns the new key with its text, which is stored nowhere. Raises KeyEnding.
    """
    ends = now + ROTATION
    with transaction.atomic(durable=True):
        old = ApiKey.objects.select_for_update().get(id=api_key.id)
        if old.revoked_at or (old.expires_at and old.expires_at <= ends):
            raise KeyEnding
        new_key, text = _new_key(
            old.partner, now, name=old.name, scopes=old.scopes, expires_at=old.expires_at
        )
        old.expires_at = ends
        old.save(update_fields=["expires_at"])
    access.forget_all()
    return new_key, text


def revoke_api_key(*, api_key: ApiKey, now: datetime) -> None:
    """The key opens nothing any more, from the next request on."""
    with transaction.atomic(durable=True):
        ApiKey.objects.filter(id=api_key.id, revoked_at=None).update(revoked_at=now)
    access.forget_all()


def try_again(*, quarantined_id: UUID, now: datetime) -> None:
    """The row is worked on again by the next run, with all tries before it."""
    with transaction.atomic(durable=True):
        Quarantined.objects.filter(id=quarantined_id).update(
            failures=0, rests_until=now, set_aside_at=None
        )
