"""How large a request's body may be, and how the front says that it never came."""

from __future__ import annotations

from django.conf import settings

ADMIN = "/admin/"
LATE = "payments.body_is_late"
"""In the WSGI environment: the body was not whole in time (payments_project.front)."""


def limit(path: str) -> int:
    """How many bytes a body of a request to the path may have."""
    is_admin = path.startswith(ADMIN)
    return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_admin else settings.API_MAX_BODY)
