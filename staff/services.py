"""Doors: what staff do on a page, on record; what they ask another person to allow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from foundation import actors, states
from foundation.actors import Actor
from staff.action import Action, Done, ReasonForm, Refused, Row
from staff.actions import ACTIONS
from staff.models import Approval, ApprovalStatus, AuditEntry, Outcome

DECIDED = ["status", "decided_by_id", "decided_at", "decision_reason"]
UNDER_WAY = timedelta(seconds=60)
"""How long a deed that was begun is left to whoever began it."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and by which request."""

    user: User
    request_id: str = ""

    @property
    def actor(self) -> Actor:
        return Actor(actors.staff(self.user.get_username()).name, self.request_id)

    def may(self, permission: str) -> bool:
        return self.user.has_perm(f"staff.{permission}")


class NotAllowed(Refused):
    def __init__(self) -> None:
        super().__init__("You are not allowed to do this.")


class UnderWay(Refused):
    def __init__(self) -> None:
        super().__init__("This is being carried out just now. Look again in a minute.")


class NotPending(Refused):
    def __init__(self, status: str) -> None:
        super().__init__(f"The request is {status}: there is nothing to decide.")


class NotOwn(Refused):
    def __init__(self) -> None:
        super().__init__("Only who asked can withdraw it.")


class OwnRequest(Refused):
    """Four eyes; the database refuses it too."""

    def __init__(self) -> None:
        super().__init__("Another person must decide about what you asked for.")


def carry_out(
    action: Action,
    row: Row,
    form: ReasonForm,
    *,
    token: UUID,
    person: Person,
    approval: Approval | None = None,
    now: datetime,
) -> Done:
    """The valid form's action is done once for the token, or another person is asked to allow it;
    both are on record: begun before, ended after. A repeated token answers as before.

    Raises Refused, which is on record too, NotAllowed and UnderWay.
    """
    if not person.may(action.permission):
        raise NotAllowed
    cleaned = form.cleaned_data
    is_asked = approval is None and action.needs_second_person(row, cleaned)
    entry = _begin(action, row, form, token, person, approval, is_asked, now)
    if entry.outcome != Outcome.BEGUN:
        return _answered(entry)
    perform = (
        partial(_ask, action, row, form, token, person)
        if is_asked
        else partial(action.perform, row, cleaned, key=f"staff-{token}", by=person.actor)
    )
    try:
        done = perform(now=now)
    except action.refusals as refusal:
        _end(entry, Outcome.REFUSED, str(refusal), {}, now)
        raise Refused(str(refusal)) from refusal
    _end(entry, Outcome.DONE, done.answer, action.facts(action.get(str(row.pk))), now)
    return done


def is_known(token: UUID) -> bool:
    """Whether the page with this token has been confirmed before."""
    return AuditEntry.objects.filter(token=token).exists()


def decide(
    approval_id: UUID, *, is_approved: bool, reason: str, person: Person, now: datetime
) -> Approval:
    """The pending request is approved or rejected by another person than who made it.

    Raises NotAllowed, OwnRequest, NotPending.
    """
    if not person.may("approval_decide"):
        raise NotAllowed
    with transaction.atomic(durable=True):
        approval = Approval.objects.select_for_update().get(id=approval_id)
        if approval.requested_by_id == person.user.pk:
            raise OwnRequest
        if approval.status != ApprovalStatus.PENDING:
            raise NotPending(approval.status)
        if approval.expires_at <= now:
            raise NotPending(ApprovalStatus.EXPIRED)
        if is_approved and not person.may(ACTIONS[approval.action].permission):
            raise NotAllowed
        approval.status = ApprovalStatus.APPROVED if is_approved else ApprovalStatus.REJECTED
        approval.decided_by, approval.decided_at = person.user, now
        approval.decision_reason = reason
        states.transition([approval], DECIDED)
        return approval


def withdraw(approval_id: UUID, *, reason: str, person: Person, now: datetime) -> Approval:
    """The pending request has ended early, by who made it. Raises NotOwn, NotPending."""
    with transaction.atomic(durable=True):
        approval = Approval.objects.select_for_update().get(id=approval_id)
        if approval.requested_by_id != person.user.pk:
            raise NotOwn
        if approval.status != ApprovalStatus.PENDING:
            raise NotPending(approval.status)
        approval.status, approval.decided_at = ApprovalStatus.EXPIRED, now
        approval.decision_reason = f"Withdrawn: {reason}"[:500]
        states.transition([approval], DECIDED)
        return approval


def carry_out_approved(approval: Approval, *, person: Person, now: datetime) -> Done:
    """What was approved is done, once however often it is asked, by another person than who asked.

    Raises OwnRequest, and Refused: the row may have changed since it was asked for.
    """
    if approval.requested_by_id == person.user.pk:
        raise OwnRequest
    action, row, form = asked_for(approval)
    token = uuid5(approval.id, "carried out")
    return carry_out(action, row, form, token=token, person=person, approval=approval, now=now)


def asked_for(approval: Approval) -> tuple[Action, Row, ReasonForm]:
    """The action, its row as it stands and its valid form. Raises Refused."""
    action = ACTIONS[approval.action]
    row = action.get(str(approval.object_id))
    form = action.form(row, approval.parameters)
    if not form.is_valid():
        raise Refused("What was asked for is no longer possible.")
    return action, row, form


def expire_approvals(*, now: datetime) -> int:
    """Requests that nobody decided about in time have expired; returns how many."""
    with transaction.atomic(durable=True):
        return states.move(Approval.objects.lapsed(now), ApprovalStatus.EXPIRED)


def note(
    *,
    actor: Actor,
    action: str,
    model: str,
    object_id: str,
    summary: str,
    now: datetime,
) -> None:
    """Something that was done elsewhere in the admin is in the audit trail: a step."""
    AuditEntry.objects.create(
        token=uuid4(),
        actor=actor.name,
        request_id=actor.request_id,
        action=action,
        model=model,
        object_id=object_id,
        summary=summary[:300],
        outcome=Outcome.DONE,
        created_at=now,
        ended_at=now,
    )


def _ask(
    action: Action, row: Row, form: ReasonForm, token: UUID, person: Person, *, now: datetime
) -> Done:
    value = action.value(row, form.cleaned_data)
    if value is None:
        raise RuntimeError("only what has a value needs a second person")
    Approval.objects.get_or_create(
        id=token,
        defaults={
            "partner_id": action.partner_id(row),
            "action": action.name,
            "object_id": row.pk,
            "parameters": form.parameters,
            "summary": action.summary(row, form.cleaned_data)[:300],
            "amount": value.amount,
            "currency": value.currency,
            "reason": form.cleaned_data["reason"],
            "requested_by": person.user,
            "created_at": now,
            "expires_at": now + settings.APPROVAL_LIFETIME,
        },
    )
    return Done(f"{action.why_second_person}: another person is asked to approve it.")


def _answered(entry: AuditEntry) -> Done:
    if entry.outcome == Outcome.REFUSED:
        raise Refused(entry.answer)
    return Done(entry.answer)


def _begin(
    action: Action,
    row: Row,
    form: ReasonForm,
    token: UUID,
    person: Person,
    approval: Approval | None,
    is_asked: bool,
    now: datetime,
) -> AuditEntry:
    summary = action.summary(row, form.cleaned_data)
    if is_asked:
        summary = f"Asked for approval: {summary}"
    with transaction.atomic(durable=True):
        entry, is_new = AuditEntry.objects.get_or_create(
            token=token,
            defaults={
                "partner_id": action.partner_id(row),
                "approval": approval,
                "actor": person.actor.name,
                "action": action.name,
                "model": action.model._meta.label_lower,
                "object_id": str(row.pk),
                "summary": summary[:300],
                "reason": form.cleaned_data["reason"],
                "parameters": form.parameters,
                "before": action.facts(row),
                "outcome": Outcome.BEGUN,
                "request_id": person.request_id,
                "created_at": now,
            },
        )
    noted = (entry.action, entry.object_id, entry.parameters, entry.approval_id)
    if noted != (action.name, str(row.pk), form.parameters, approval and approval.pk) or (
        approval is None and entry.actor != person.actor.name
    ):
        raise Refused("This page was used for something else. Open it again.")
    if not is_new and entry.outcome == Outcome.BEGUN and entry.created_at > now - UNDER_WAY:
        raise UnderWay
    return entry


def _end(
    entry: AuditEntry, outcome: Outcome, answer: str, facts: dict[str, Any], now: datetime
) -> None:
    """What is otherwise afterwards is kept; an entry that has ended stays as it is."""
    after = {name: value for name, value in facts.items() if entry.before.get(name) != value}
    with transaction.atomic(durable=True):
        AuditEntry.objects.filter(id=entry.id, outcome=Outcome.BEGUN).update(
            outcome=outcome, answer=answer[:500], after=after, ended_at=now
        )
