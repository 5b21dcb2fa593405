"""Which constraint an IntegrityError names: uniqueness lives in the database, by name."""

from __future__ import annotations

from django.db import IntegrityError


def violated(error: IntegrityError) -> str:
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or ""
