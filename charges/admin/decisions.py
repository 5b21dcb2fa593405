"""What staff decide on a detail page: one door, its answer as a message, the page again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from charges import services
from partners import actors
from partners.actors import Actor

REFUSALS = (
    services.NothingToReview,
    services.ReviewUnderWay,
    services.EvidenceContradicts,
    services.ProcessorAway,
)


class ReasonForm(BaseDialogForm):
    """What staff say about a decision of theirs."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept with the decision and shown in the timeline, to the partner too.",
    )


class ResolveForm(ReasonForm):
    outcome = forms.ChoiceField(
        choices=[("succeeded", "The money was collected"), ("failed", "It was not")],
        widget=UnfoldAdminSelectWidget,
        help_text="The processor is asked once more, and may contradict.",
    )
    field_order = ("outcome", "reason")


class Decider:
    """A page whose detail actions call doors; `resolve` ends what needs a review.

    `undecided` are the states that staff may end; `resolve_door` is the service that does it.
    """

    model: type[models.Model]
    undecided: Sequence[str]
    resolve_door: Callable[..., object]

    def decide(
        self, request: HttpRequest, object_id: str, door: Callable[..., object], **words: str
    ) -> HttpResponse:
        """The door was called in the person's name; its refusal is shown."""
        name = actors.staff(request.user.get_username()).name
        by = Actor(name, getattr(request, "request_id", ""))
        try:
            row = door(UUID(object_id), by=by, now=timezone.now(), **words)
            messages.success(request, f"Decided: it is {getattr(row, 'status', 'done')}.")
        except REFUSALS as refusal:
            messages.error(request, str(refusal))
        # The dialog is answered by htmx, which would follow a plain redirect inside itself.
        meta = self.model._meta
        page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[object_id])
        return HttpResponse(headers={"HX-Redirect": page})

    def may_decide(self, request: HttpRequest) -> bool:
        meta = self.model._meta
        return request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}")

    def has_resolve_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        waits = self.model._default_manager.filter(pk=object_id or "", status__in=self.undecided)
        return self.may_decide(request) and waits.exclude(needs_review="").exists()

    @action(  # type: ignore[untyped-decorator]
        description="Resolve",
        permissions=["resolve"],
        icon="gavel",
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": "Resolve what needs a review",
            "description": "Decide what the processor could not tell. Success posts the ledger, "
            "failure releases what is held or reserved. This cannot be undone.",
            "form_class": ResolveForm,
            "form_submit_text": "Decide",
        },
    )
    def resolve(self, request: HttpRequest, form: ResolveForm, object_id: str) -> HttpResponse:
        words = {name: form.cleaned_data[name] for name in ("outcome", "reason")}
        return self.decide(request, object_id, type(self).resolve_door, **words)
