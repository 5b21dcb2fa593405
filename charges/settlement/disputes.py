"""The money of disputes: what the bank moved is posted, and who bears what it took.

The bank's movements go between `card` and `loss`, each once, when they happen. Once the dispute is
lost, the loss is allocated: as a refund of what is left of the card leg. What no leg covers stays
in `loss` (docs/decisions/0016-dispute-postings.md). The caller has locked the charge.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from charges.gateway.disputes import CardMovement
from charges.models import Charge, Dispute, DisputeAllocation, DisputeMovement, DisputeStatus
from charges.settlement import reversals
from charges.settlement.reversals import Return, Reversed
from foundation.actors import Actor
from wallets import ledger
from wallets.ledger import Line, Posting
from wallets.models import Account, Kind


def post_movements(
    charge: Charge, dispute: Dispute, movements: Iterable[CardMovement], *, by: Actor, now: datetime
) -> None:
    """Every movement of the locked dispute is in the ledger; `withdrawn` stands, not yet saved."""
    known = set(dispute.movements.values_list("external_id", flat=True))
    new = [
        DisputeMovement(
            dispute=dispute,
            external_id=movement.id,
            amount=movement.amount,
            fee=movement.fee,
            fee_currency=movement.fee_currency,
            happened_at=movement.happened_at,
            created_at=now,
        )
        for movement in movements
        if movement.id not in known
    ]
    if not new:
        return
    DisputeMovement.objects.bulk_create(new)
    dispute.withdrawn += sum(movement.amount for movement in new)
    ledger.post([p for movement in new for p in _postings(charge, movement)], by=by, now=now)


def _postings(charge: Charge, movement: DisputeMovement) -> list[Posting]:
    """The amount against `loss`, the fee against `dispute_fee`, in the currency of each."""
    dispute = movement.dispute
    facts = (
        (Kind.DISPUTE_FUNDS, Account.LOSS, movement.amount, dispute.currency),
        (Kind.DISPUTE_FEE, Account.DISPUTE_FEE, movement.fee, movement.fee_currency),
    )
    return [
        Posting(
            partner_id=charge.partner_id,
            kind=kind,
            currency=currency,
            lines=[Line(Account.CARD, amount), Line(account, -amount)],
            description=f"Dispute {dispute.external_id}, {movement.external_id}",
            charge_id=charge.id,
            dispute_id=dispute.id,
            source_id=movement.id,
        )
        for kind, account, amount, currency in facts
        if amount
    ]


def allocate(charge: Charge, dispute: Dispute, *, by: Actor, now: datetime) -> None:
    """Those who had shares in the card leg bear of the locked dispute what its state says: all that
    a leg is left for when it is lost, else nothing. The dispute is saved, with the charge's amount.
    """
    is_ours = dispute.status == DisputeStatus.LOST and dispute.currency == charge.currency
    room = dispute.external_leg + charge.card_left
    due = min(max(dispute.withdrawn, 0), dispute.amount, room) if is_ours else 0
    if due < dispute.external_leg:
        reverse(charge, dispute, by=by, now=now)
    if due > dispute.external_leg:
        _add(charge, dispute, due - dispute.external_leg, by=by, now=now)
    dispute.save()
    charge.save(update_fields=["external_reversed"])


def allocate_freed(charge: Charge, *, by: Actor, now: datetime) -> None:
    """What became free of the card leg bears the losses that it was too short for."""
    lost = Dispute.objects.filter(charge=charge, status=DisputeStatus.LOST).order_by("id")
    for dispute in lost.select_for_update(of=("self",)):
        allocate(charge, dispute, by=by, now=now)


def make_room(charge: Charge, amount: int, *, by: Actor, now: datetime) -> None:
    """So much of the card leg is left, if lost disputes have it: a refund that the processor made
    comes before them. The caller allocates them again.
    """
    lost = Dispute.objects.filter(charge=charge, external_leg__gt=0).order_by("id")
    for dispute in lost.select_for_update(of=("self",)):
        if charge.card_left < amount:
            reverse(charge, dispute, by=by, now=now)
            dispute.save()
    charge.save(update_fields=["external_reversed"])


def reverse(charge: Charge, dispute: Dispute, *, by: Actor, now: datetime) -> None:
    """What was allocated of the dispute is undone; neither row is saved."""
    for row in dispute.allocations.filter(reversed_at=None):
        posted = Reversed(row.split_reversals, row.late_fee_reversed)
        back = _return(dispute, row, Kind.DISPUTE_REVERSED, "allocated no more")
        reversals.undo(charge, back, posted, by=by, now=now)
        row.reversed_at = now
        row.save(update_fields=["reversed_at"])
    charge.external_reversed -= dispute.external_leg
    dispute.external_leg = 0


def _add(charge: Charge, dispute: Dispute, amount: int, *, by: Actor, now: datetime) -> None:
    row = DisputeAllocation(dispute=dispute, amount=amount, created_at=now)
    back = _return(dispute, row, Kind.DISPUTE, "lost")
    posted = reversals.post(charge, back, by=by, now=now)
    row.split_reversals, row.late_fee_reversed = posted
    row.save(force_insert=True)
    charge.external_reversed += amount
    dispute.external_leg += amount


def _return(dispute: Dispute, row: DisputeAllocation, kind: Kind, what: str) -> Return:
    return Return(
        kind,
        external=row.amount,
        account=Account.LOSS,
        dispute_id=dispute.id,
        source_id=row.id,
        description=f"Dispute {dispute.external_id} {what}",
    )
