"""What Django's own pages do is in the audit trail too: edits of rows, and who logged in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from structlog.contextvars import get_contextvars
from uuid_utils.compat import uuid7

from partners import actors
from partners.actors import Actor
from staff import services

VERBS = {ADDITION: "add", CHANGE: "change", DELETION: "delete"}


def note_edit(*, instance: LogEntry, created: bool, **_: Any) -> None:
    """Called when Django's admin has written its own log."""
    kind = instance.content_type
    if not created or kind is None:
        return
    services.note(
        token=_token(),
        actor=_actor(instance.user.get_username()),
        action=VERBS.get(instance.action_flag, "change"),
        model=f"{kind.app_label}.{kind.model}",
        object_id=instance.object_id or "",
        summary=f"{kind.name} {instance.object_repr}: {instance.get_change_message()}",
        now=timezone.now(),
    )


def note_login(*, request: HttpRequest | None, user: User, **_: Any) -> None:
    services.note(
        token=_token(),
        actor=_actor(user.get_username()),
        action="log-in",
        model="auth.user",
        object_id=str(user.pk),
        summary="Logged in",
        now=timezone.now(),
    )


def note(request: HttpRequest, summary: str) -> None:
    """What a person did to their own account."""
    services.note(
        token=_token(),
        actor=_actor(request.user.get_username()),
        action="account",
        model="auth.user",
        object_id=str(request.user.pk),
        summary=summary,
        now=timezone.now(),
    )


def note_export(*, sender: type[Model], request: HttpRequest, **_: Any) -> None:
    services.note(
        token=_token(),
        actor=_actor(request.user.get_username()),
        action="export",
        model=sender._meta.label_lower,
        object_id="",
        summary=f"Exported {sender._meta.verbose_name_plural}: {request.GET.urlencode() or 'all'}",
        now=timezone.now(),
    )


def _actor(username: str) -> Actor:
    return Actor(actors.staff(username).name, str(get_contextvars().get("request_id", "")))


def _token() -> UUID:
    return uuid7()
