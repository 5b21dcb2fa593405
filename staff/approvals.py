"""What staff do to each other's requests: approve, reject, and carry out what was approved."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User

from foundation.actors import Actor
from staff import services
from staff.action import Action, Cleaned, Done, Refused, Row
from staff.actions import ACTIONS
from staff.models import Approval, ApprovalStatus, AuditEntry, Outcome
from staff.services import Person
from wallets.models import LedgerEntry


class ApprovalAction(Action):
    model = Approval
    permission = "approval_decide"
    refusals = (Refused,)

    def get(self, pk: str) -> Approval:
        return Approval.objects.select_related("requested_by").get(pk=pk)

    def offers(self, row: Row) -> bool:
        return bool(row.status == ApprovalStatus.PENDING)

    def is_for(self, user_id: int, row: Row) -> bool:
        return bool(row.requested_by_id != user_id)

    def details(self, row: Row) -> list[str]:
        return [row.summary, f"Asked for by {row.requested_by}: {row.reason}"]

    def facts(self, row: Row) -> dict[str, Any]:
        return {"status": row.status, "decision_reason": row.decision_reason}

    def summary(self, row: Row, cleaned: Cleaned) -> str:
        return f"{self.title} the request of {row.requested_by}: {row.summary}"


class Approve(ApprovalAction):
    name, title, icon = "approve", "Approve", "check"
    consequence = "What was asked for is done now, in your name and on your word."

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return _rehearse(row, now)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        person = _person(by)
        approval = services.decide(
            row.pk, is_approved=True, reason=cleaned["reason"], person=person, now=now
        )
        return services.carry_out_approved(approval, person=person, now=now)


class Reject(ApprovalAction):
    name, title, icon = "reject", "Reject", "close"
    consequence = "What was asked for is not done."
    is_danger = True

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.decide(
            row.pk, is_approved=False, reason=cleaned["reason"], person=_person(by), now=now
        )
        return Done("The request is rejected.")


class Withdraw(ApprovalAction):
    name, title, icon = "withdraw", "Withdraw", "undo"
    consequence = "It can no longer be approved. What was asked for is not done."

    def is_for(self, user_id: int, row: Row) -> bool:
        return bool(row.requested_by_id == user_id)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        services.withdraw(row.pk, reason=cleaned["reason"], person=_person(by), now=now)
        return Done("The request is withdrawn.")


class CarryOut(ApprovalAction):
    """After a crash between the word and the deed."""

    name, title, icon = "carry-out", "Carry out", "play_arrow"
    consequence = "What was approved and not done yet is done now."

    def offers(self, row: Row) -> bool:
        audit_entries = AuditEntry.objects.filter(approval=row)
        ended = audit_entries.exclude(outcome=Outcome.BEGUN)
        return bool(row.status == ApprovalStatus.APPROVED) and not ended.exists()

    def rehearse(self, row: Row, cleaned: Cleaned, now: datetime) -> list[LedgerEntry]:
        return _rehearse(row, now)

    def perform(self, row: Row, cleaned: Cleaned, *, key: str, by: Actor, now: datetime) -> Done:
        return services.carry_out_approved(row, person=_person(by), now=now)


def _rehearse(approval: Approval, now: datetime) -> list[LedgerEntry]:
    action, row, form = services.asked_for(approval)
    try:
        return action.rehearse(row, form.cleaned_data, now)
    except action.refusals as refusal:
        raise Refused(str(refusal)) from refusal


def _person(by: Actor) -> Person:
    return Person(User.objects.get_by_natural_key(by.name.partition(":")[2]), by.request_id)


ALL: dict[str, Action] = ACTIONS | {
    action.name: action for action in (Approve(), Reject(), Withdraw(), CarryOut())
}
