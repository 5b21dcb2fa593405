"""What staff decide on a detail page: one door, its answer as a message, the page again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from charges import services
from partners import actors
from partners.actors import Actor

REFUSALS = (services.NothingToReview, services.EvidenceContradicts, services.ProcessorAway)


class Decider:
    """A page whose detail actions call doors."""

    def decide(
        self, request: HttpRequest, object_id: str, door: Callable[[Actor, datetime], object]
    ) -> HttpResponse:
        """The door was called in the person's name; its refusal is shown."""
        by = Actor(
            actors.staff(request.user.get_username()).name, getattr(request, "request_id", "")
        )
        try:
            row = door(by, timezone.now())
            messages.success(request, f"Decided: it is {getattr(row, 'status', 'done')}.")
        except REFUSALS as refusal:
            messages.error(request, str(refusal))
        # The dialog is answered by htmx, which would follow a plain redirect inside itself.
        meta = self.model._meta  # type: ignore[attr-defined]
        page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": page})

    def uuid(self, object_id: str) -> UUID:
        return UUID(object_id)
