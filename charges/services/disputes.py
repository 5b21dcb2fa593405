"""Doors: what the processor says about disputes of our charges."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from charges import collection, returns
from charges.gateway import disputes
from charges.gateway.client import OutcomeUnknown
from charges.gateway.disputes import CardDispute
from charges.models import DISPUTE_OPEN, OPEN, Charge, ChargeStatus, Dispute
from charges.services.asking import flag
from charges.services.hearing import hear_of_intent
from partners.actors import Actor
from wallets import money
from wallets.models import Kind
from webhooks import events

CLOSED = {"won", "lost", "warning_closed", "prevented"}


class ChargeNotSettled(OutcomeUnknown):
    """The dispute is about a charge that has not succeeded here yet: ask again later."""


def hear_of_dispute(*, external_id: str, by: Actor, now: datetime) -> tuple[Charge | None, str]:
    """The charge is marked as the processor has the dispute; one that is lost is in the ledger.

    Returns the charge and what was done. Raises ChargeNotSettled, and what the gateway raises.
    """
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
        return charge, _follow(charge, theirs, by=by, now=now)


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
    if dispute.closed_at is not None:
        return _after_the_end(dispute, theirs)
    was = "" if is_new else dispute.status
    dispute.status, dispute.updated_at = theirs.status, now
    dispute.evidence_due_at = theirs.evidence_due_at
    told = []
    if is_new or (was not in DISPUTE_OPEN and theirs.status in DISPUTE_OPEN):
        told.append("charge.disputed")
    if theirs.status in CLOSED:
        dispute.closed_at = now
        told.append("charge.dispute_closed")
    if theirs.status == "lost":
        _lose(charge, dispute, by=by, now=now)
    dispute.save()
    _mark(charge, dispute, now)
    events.publish([collection.fact(charge, name) for name in told], by=by, now=now)
    if charge.is_owned and told:
        collection.owner().disputed(charge, by=by, now=now)
    return f"The dispute is {dispute.status}."


def _after_the_end(dispute: Dispute, theirs: CardDispute) -> str:
    if theirs.status == dispute.status:
        return "The dispute was closed before."
    text = f"Closed as {dispute.status}; the processor now says {theirs.status}."
    Dispute.objects.filter(id=dispute.id).update(needs_review=text)
    return text


def _mark(charge: Charge, dispute: Dispute, now: datetime) -> None:
    """The charge shows the dispute that holds money back, if there is one, else this one."""
    others = Dispute.objects.filter(charge=charge, status__in=DISPUTE_OPEN).exclude(id=dispute.id)
    other = None if dispute.status in DISPUTE_OPEN else others.first()
    charge.dispute_status, charge.updated_at = (other or dispute).status, now
    charge.save(update_fields=["dispute_status", "external_reversed", "updated_at"])


def _lose(charge: Charge, dispute: Dispute, *, by: Actor, now: datetime) -> None:
    """The card's money is gone: as a refund of what is left of the card leg."""
    left = charge.external_amount - charge.external_refunded - charge.external_reversed
    is_ours = dispute.currency == charge.currency
    taken = min(dispute.amount, left) if is_ours else 0
    if taken != dispute.amount:
        dispute.needs_review = (
            f"The bank took {money.spoken(dispute.amount, dispute.currency)}; "
            f"{money.spoken(taken, charge.currency)} of the card leg could be reversed."
        )
    if not taken:
        return
    dispute.external_leg = taken
    dispute.split_reversals, dispute.late_fee_reversed = returns.give_back(
        charge,
        to_card=taken,
        to_wallet=0,
        kind=Kind.DISPUTE,
        dispute_id=dispute.id,
        description=f"Dispute {dispute.external_id} lost",
        by=by,
        now=now,
    )
    charge.external_reversed += taken
