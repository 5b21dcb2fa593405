"""The page of an action: fill in, look at what it will do, confirm."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

from foundation.pages import address
from staff import services
from staff.action import Action, ReasonForm, Refused, Row
from staff.approvals import ALL
from staff.template_context import entries_table, person_of
from wallets.models import LedgerEntry


def act(request: HttpRequest, name: str, pk: UUID) -> HttpResponse:
    """GET asks for the words, POST shows what would be done, POST of `confirmed` does it.

    What is confirmed is what was shown: when it would be otherwise by now, it is shown again.
    """
    action, person = _action(name), person_of(request)
    if not person.may(action.permission):
        raise PermissionDenied
    row = _row(action, pk)
    page = _Page(request, action, row)
    if request.method != "POST":
        return page.ask(action.form(row))
    form = action.form(row, request.POST)
    if not form.is_valid():
        return page.ask(form)
    token = _uuid(request.POST.get("token"))
    is_repeated = services.is_known(token)
    if not is_repeated and not action.offers(row):
        return page.gone()
    now = timezone.now()
    if not is_repeated:
        try:
            entries = action.rehearse(row, form.cleaned_data, now)
        except action.refusals as refusal:
            form.add_error(None, str(refusal))
            return page.ask(form)
        if request.POST.get("confirmed") != _digest(action, row, entries):
            return page.show(form, entries)
    try:
        done = services.carry_out(action, row, form, token=token, person=person, now=now)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{action.summary(row, form.cleaned_data)}. {done.answer}")
        if done.shown_once:
            messages.warning(request, f"Copy it now, it is not shown again: {done.shown_once}")
    return HttpResponseRedirect(page.url)


class _Page:
    def __init__(self, request: HttpRequest, action: Action, row: Row) -> None:
        self.request, self.action, self.row = request, action, row
        self.url = address(action.model, "change", row.pk)

    def ask(self, form: ReasonForm) -> HttpResponse:
        if not form.is_bound and not self.action.offers(self.row):
            return self.gone()
        return self._answer("staff/ask.html", form=form)

    def show(self, form: ReasonForm, entries: Sequence[LedgerEntry]) -> HttpResponse:
        is_otherwise = "confirmed" in self.request.POST
        cleaned = form.cleaned_data
        return self._answer(
            "staff/confirm.html",
            form=form,
            token=uuid4(),
            summary=self.action.summary(self.row, cleaned),
            table=entries_table(entries),
            digest=_digest(self.action, self.row, entries),
            is_otherwise=is_otherwise,
            is_asked=self.action.needs_second_person(self.row, cleaned),
        )

    def gone(self) -> HttpResponse:
        text = f"{self.action.title} no longer applies; reload the page."
        messages.warning(self.request, text)
        return HttpResponseRedirect(self.url)

    def _answer(self, template: str, **context: Any) -> HttpResponse:
        meta = self.action.model._meta
        return TemplateResponse(
            self.request,
            template,
            {
                **admin.site.each_context(self.request),
                "title": f"{self.action.title}: {meta.verbose_name} {self.row}",
                "action": self.action,
                "row": self.row,
                "details": self.action.details(self.row),
                "opts": meta,
                "back": self.url,
                **context,
            },
        )


def _action(name: str) -> Action:
    try:
        return ALL[name]
    except KeyError as error:
        raise Http404(name) from error


def _row(action: Action, pk: UUID) -> Row:
    try:
        return action.get(str(pk))
    except action.model.DoesNotExist as error:  # type: ignore[attr-defined]
        raise Http404(str(pk)) from error


def _uuid(text: str | None) -> UUID:
    """The token of the page that is confirmed; one of its own for a page that has none."""
    try:
        return UUID(text or "")
    except ValueError:
        return uuid4()


def _digest(action: Action, row: Row, entries: Sequence[LedgerEntry]) -> str:
    """Of all that a person looks at before they confirm."""
    lines = [(entry.account, entry.wallet_id, entry.amount) for entry in entries]
    return hashlib.sha256(repr((action.watched(row), lines)).encode()).hexdigest()
