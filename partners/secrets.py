"""API keys on paper: `prefix.secret`. Pure: no Django, no clock."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

ALPHABET = string.ascii_lowercase + string.digits
PREFIX_LENGTH = 12
SECRET_BYTES = 32


def new_key() -> str:
    """A key with 256 random bits behind a public prefix of 12 characters."""
    prefix = "".join(secrets.choice(ALPHABET) for _ in range(PREFIX_LENGTH))
    return f"{prefix}.{secrets.token_urlsafe(SECRET_BYTES)}"


def split_key(key: str) -> tuple[str, str]:
    """(prefix, secret); both empty when the text is no key."""
    prefix, dot, secret = key.partition(".")
    return (prefix, secret) if prefix and dot and secret else ("", "")


def hash_secret(secret: str) -> str:
    """SHA-256 in hex: the secret carries 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, secret_hash: str) -> bool:
    return hmac.compare_digest(hash_secret(secret), secret_hash)
