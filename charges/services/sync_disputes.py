"""Doors: a charge and its disputes follow what the processor says of them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Count

from charges import facts, locking
from charges.gateway import disputes
from charges.gateway.client import OutcomeUnknown
from charges.gateway.disputes import CardDispute
from charges.hooks import hooks
from charges.models import DISPUTE_CLOSED, DISPUTE_OPEN, OPEN, Charge, ChargeStatus, Dispute
from charges.review_flags import flag, flag_returned_money
from charges.services.sync_intents import sync_intent
from charges.settlement import disputes as settlement
from foundation.actors import Actor
from webhooks import events

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


def sync_dispute(*, external_id: str, by: Actor, now: datetime) -> tuple[Charge | None, str]:
    """The charge is marked as the processor has the dispute, and what the bank moved for it is in
    the ledger, each movement once; a lost one is borne by those who had shares.

    Returns the charge and what was done. Raises ChargeNotSettled, DisputeMoving, and what the
    gateway raises.
    """
    for _ in range(LOOKS):
        known = _known(external_id)
        card_dispute = disputes.retrieve(external_id)
        charge = Charge.objects.filter(external_charge_id=card_dispute.intent_id).first()
        if charge is None:
            return None, "No charge here has this intent."
        if charge.status in OPEN:
            sync_intent(intent_id=card_dispute.intent_id, by=by, now=now)
        with transaction.atomic(durable=True):
            charge = locking.lock(charge.id)
            if charge.status in OPEN:
                raise ChargeNotSettled(f"The charge is {charge.status}.")
            if charge.status != ChargeStatus.SUCCEEDED:
                text = f"The charge is {charge.status}, yet {card_dispute.id} disputes it."
                flag(charge, text, now)
                return charge, text
            if _known(external_id) == known:
                return charge, _follow(charge, card_dispute, by=by, now=now)
    raise DisputeMoving(f"{external_id} changed while it was fetched.")


def _known(external_id: str) -> Known | None:
    rows = Dispute.objects.filter(external_id=external_id).annotate(moved=Count("movements"))
    row = rows.values_list("status", "moved").first()
    return Known(*row) if row else None


def _follow(charge: Charge, card_dispute: CardDispute, *, by: Actor, now: datetime) -> str:
    dispute, is_new = Dispute.objects.select_for_update().get_or_create(
        external_id=card_dispute.id,
        defaults={
            "partner_id": charge.partner_id,
            "charge": charge,
            "amount": card_dispute.amount,
            "currency": card_dispute.currency,
            "status": card_dispute.status,
            "reason": card_dispute.reason,
            "evidence_due_at": card_dispute.evidence_due_at,
            "opened_at": card_dispute.created_at,
            "updated_at": now,
        },
    )
    was = "" if is_new else dispute.status
    dispute.status, dispute.amount = card_dispute.status, card_dispute.amount
    dispute.updated_at = now
    dispute.evidence_due_at = card_dispute.evidence_due_at
    event_types = []
    if is_new or (was not in DISPUTE_OPEN and card_dispute.status in DISPUTE_OPEN):
        event_types.append("charge.disputed")
    if card_dispute.status != was:
        dispute.closed_at = now if card_dispute.status in DISPUTE_CLOSED else None
        event_types += ["charge.dispute_closed"] if card_dispute.status in DISPUTE_CLOSED else []
    settlement.post_movements(charge, dispute, card_dispute.movements, by=by, now=now)
    settlement.allocate(charge, dispute, by=by, now=now)
    settlement.allocate_freed(charge, by=by, now=now)
    _mark(charge, dispute, now)
    if event_types:
        flag_returned_money(charge, f"dispute {dispute.external_id}", now)
    events.publish([facts.of_charge(charge, name) for name in event_types], by=by, now=now)
    if charge.is_for_order and event_types:
        hooks().dispute_changed(charge, by=by, now=now)
    return f"The dispute is {dispute.status}."


def _mark(charge: Charge, dispute: Dispute, now: datetime) -> None:
    """The charge shows the dispute that holds money back, if there is one, else this one."""
    others = Dispute.objects.filter(charge=charge, status__in=DISPUTE_OPEN).exclude(id=dispute.id)
    other = None if dispute.status in DISPUTE_OPEN else others.first()
    charge.dispute_status, charge.updated_at = (other or dispute).status, now
    charge.save(update_fields=["dispute_status", "updated_at"])
