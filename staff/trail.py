"""What Django's own pages do is in the audit trail too: edits of rows, and who logged in."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from structlog.contextvars import get_contextvars

from foundation import actors
from foundation.actors import Actor
from staff import services

VERBS = {ADDITION: "add", CHANGE: "change", DELETION: "delete"}


def note_edit(*, instance: LogEntry, created: bool, **_: Any) -> None:
    """Called when Django's admin has written its own log."""
    kind = instance.content_type
    if not created or kind is None:
        return
    _note(
        instance.user,
        VERBS.get(instance.action_flag, "change"),
        f"{kind.app_label}.{kind.model}",
        instance.object_id or "",
        f"{kind.name} {instance.object_repr}: {instance.get_change_message()}",
    )


def note_login(*, user: User, **_: Any) -> None:
    _note(user, "log-in", "auth.user", str(user.pk), "Logged in")


def note_account(user: Any, summary: str) -> None:
    """What a person did to their own account."""
    _note(user, "account", "auth.user", str(user.pk), summary)


def note_export(*, sender: type[Model], request: HttpRequest, **_: Any) -> None:
    meta = sender._meta
    summary = f"Exported {meta.verbose_name_plural}: {request.GET.urlencode() or 'all'}"
    _note(request.user, "export", meta.label_lower, "", summary)


def _note(user: Any, action: str, model: str, object_id: str, summary: str) -> None:
    name = actors.staff(user.get_username()).name
    services.note(
        actor=Actor(name, str(get_contextvars().get("request_id", ""))),
        action=action,
        model=model,
        object_id=object_id,
        summary=summary,
        now=timezone.now(),
    )
