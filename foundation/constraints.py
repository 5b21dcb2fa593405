"""Which constraint an IntegrityError names: uniqueness lives in the database, by name."""

from __future__ import annotations


def violated(error: Exception) -> str:
    """The constraint's name; empty for any other error."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or ""
