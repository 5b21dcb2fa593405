"""Doors: what the processor says about disputes of our charges."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count

from charges import collection, losses
from charges.gateway import disputes
from charges.gateway.client import OutcomeUnknown
from charges.gateway.disputes import CardDispute
from charges.models import DISPUTE_OPEN, OPEN, Charge, ChargeStatus, Dispute
from charges.services.asking import flag, flag_what_came_back
from charges.services.hearing import hear_of_intent
from foundation.actors import Actor
from webhooks import events

CLOSED = {"won", "lost", "warning_closed", "prevented"}
LOOKS = 3
"""How often it is fetched again because somebody else wrote meanwhile what they had fetched."""


class ChargeNotSettled(OutcomeUnknown):
    """It is about a charge that has not succeeded here yet: ask again later."""


class DisputeMoving(OutcomeUnknown):
    """The dispute changed here each time that it was fetched: ask again later."""


class Known(NamedTuple):
    """What is written of a dispute; what was fetched before that was written may be older."""

    status: str
    movements: int


def hear_of_dispute(*, external_id: str, by: Actor, now: datetime) -> tuple[Charge | None, str]:
    """The charge is marked as the processor has the dispute, and what the bank moved for it is in
    the ledger, each movement once; a lost one is borne by those who had shares.

    Returns the charge and what was done. Raises ChargeNotSettled, DisputeMoving, and what the
    gateway raises.
    """
    for _ in range(LOOKS):
        known = _known(external_id)
        theirs = disputes.retrieve(external_id)
        charge = Charge.objects.filter(external_charge_id=theirs.intent_id).first()
        if charge is None:
            return None, "No charge here has this intent."
        if charge.status in OPEN:
            hear_of_intent(intent_id=theirs.intent_id, by=by, now=now)
        with transaction.atomic(durable=True):
            charge = collection.lock(charge.id)
            if charge.status in OPEN:
                raise ChargeNotSettled(f"The charge is {charge.status}.")
            if charge.status != ChargeStatus.SUCCEEDED:
                text = f"The charge is {charge.status}; {theirs.id} disputes that it was collected."
                flag(charge, text, now)
                return charge, text
            if _known(external_id) == known:
                return charge, _follow(charge, theirs, by=by, now=now)
    raise DisputeMoving(f"{external_id} changed while it was fetched.")


def _known(external_id: str) -> Known | None:
    rows = Dispute.objects.filter(external_id=external_id).annotate(moved=Count("movements"))
    row = rows.values_list("status", "moved").first()
    return Known(*row) if row else None


def _follow(charge: Charge, theirs: CardDispute, *, by: Actor, now: datetime) -> str:
    dispute, is_new = Dispute.objects.select_for_update().get_or_create(
        external_id=theirs.id,
        defaults={
            "partner_id": charge.partner_id,
            "charge": charge,
            "amount": theirs.amount,
            "currency": theirs.currency,
            "status": theirs.status,
            "reason": theirs.reason,
            "evidence_due_at": theirs.evidence_due_at,
            "opened_at": theirs.created_at,
            "updated_at": now,
        },
    )
    was = "" if is_new else dispute.status
    dispute.status, dispute.amount, dispute.updated_at = theirs.status, theirs.amount, now
    dispute.evidence_due_at = theirs.evidence_due_at
    told = []
    if is_new or (was not in DISPUTE_OPEN and theirs.status in DISPUTE_OPEN):
        told.append("charge.disputed")
    if theirs.status != was:
        dispute.closed_at = now if theirs.status in CLOSED else None
        told += ["charge.dispute_closed"] if theirs.status in CLOSED else []
    losses.post_movements(charge, dispute, theirs.movements, by=by, now=now)
    losses.allocate(charge, dispute, by=by, now=now)
    losses.allocate_freed(charge, by=by, now=now)
    _mark(charge, dispute, now)
    if told:
        flag_what_came_back(charge, f"dispute {dispute.external_id}", now)
    events.publish([collection.fact(charge, name) for name in told], by=by, now=now)
    if charge.is_owned and told:
        collection.owner().disputed(charge, by=by, now=now)
    return f"The dispute is {dispute.status}."


def _mark(charge: Charge, dispute: Dispute, now: datetime) -> None:
    """The charge shows the dispute that holds money back, if there is one, else this one."""
    others = Dispute.objects.filter(charge=charge, status__in=DISPUTE_OPEN).exclude(id=dispute.id)
    other = None if dispute.status in DISPUTE_OPEN else others.first()
    charge.dispute_status, charge.updated_at = (other or dispute).status, now
    charge.save(update_fields=["dispute_status", "updated_at"])
