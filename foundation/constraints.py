"""What the database refuses, by name: uniqueness and bounds live there."""

from __future__ import annotations

from django.db.models import CheckConstraint, Q


def violated(error: Exception) -> str:
    """The constraint that an IntegrityError names; empty for any other error."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) or ""


def stamped(status: str, column: str, *, name: str) -> CheckConstraint:
    """Rows in that state, and no others, have a moment in the column."""
    has_moment = Q(status=status, **{f"{column}__isnull": False})
    has_none = ~Q(status=status) & Q(**{column: None})
    return CheckConstraint(condition=has_moment | has_none, name=name)
