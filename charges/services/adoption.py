"""Doors: refunds that were made at the processor, in its dashboard or by its fraud checks.

They take part in everything as ours do: reserved on the charge, posted, told, undone if they fail.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from charges import collection, losses
from charges.collection import LEASE
from charges.gateway import refunds as card_refunds
from charges.gateway.client import OutcomeUnknown
from charges.gateway.refunds import CardRefund
from charges.killpoints import killpoint
from charges.models import (
    OPEN,
    Charge,
    ChargeStatus,
    Origin,
    Refund,
    RefundStatus,
    RefundTo,
)
from charges.services.asking import flag
from charges.services.disputes import ChargeNotSettled
from charges.services.hearing import hear_of_intent
from charges.services.refund_asking import reserve, take
from charges.services.refunding import named
from foundation.actors import Actor
from wallets import money


class RefundUnderWay(OutcomeUnknown):
    """A refund that has no outcome yet holds the same money: ask again later."""


def hear_of_refund(*, external_id: str, by: Actor, now: datetime) -> tuple[Charge | None, str]:
    """The refund stands as the processor has it, one that failed after it succeeded included. One
    of our charges that we did not make is adopted; if it does not fit, the charge is flagged.

    Returns its charge and what was done. Raises ChargeNotSettled, RefundUnderWay, and what the
    gateway raises.
    """
    theirs = card_refunds.retrieve(external_id)
    ours = named(theirs)
    if ours is None:
        charge = Charge.objects.filter(external_charge_id=theirs.intent_id).first()
        if charge is None:
            return None, "No charge here has this intent."
        if not theirs.may_move_money:
            return charge, f"It is {theirs.status}, and moved nothing here."
        adopted = _adopt(charge, theirs, by, now)
        if isinstance(adopted, str):
            return charge, adopted
        ours = adopted
    taken = take(ours, theirs, None, by=by, now=now)
    return taken.charge, f"The refund is {taken.status}."


def _adopt(charge: Charge, theirs: CardRefund, by: Actor, now: datetime) -> Refund | str:
    """Our row of it, pending, its amount reserved; or why there is none, flagged on the charge."""
    if charge.status in OPEN:
        hear_of_intent(intent_id=theirs.intent_id, by=by, now=now)
    with transaction.atomic(durable=True):
        charge = collection.lock(charge.id)
        if known := named(theirs):
            return known
        if text := _misfit(charge, theirs):
            flag(charge, text, now)
            return text
        losses.make_room(charge, theirs.amount, by=by, now=now)
        row = _new(charge, theirs, by, now)
        row.save(force_insert=True)
        reserve(charge, row, +1, now)
        losses.allocate_freed(charge, by=by, now=now)
    killpoint("adoption.after_reserved")
    return row


def _misfit(charge: Charge, theirs: CardRefund) -> str:
    """Why the refund cannot be one of the locked charge; empty when it can.

    Raises ChargeNotSettled, RefundUnderWay.
    """
    if charge.status in OPEN:
        raise ChargeNotSettled(f"The charge is {charge.status}.")
    amount = money.spoken(theirs.amount, theirs.currency)
    if charge.status != ChargeStatus.SUCCEEDED or theirs.currency != charge.currency:
        paid = f"{charge.status} {money.spoken(charge.external_amount, charge.currency)}"
        return f"The processor made {theirs.id} of {amount}; by card the charge is {paid}."
    left = charge.card_left + charge.external_reversed
    if theirs.amount <= left:
        return ""
    if charge.refunds.filter(status=RefundStatus.PENDING).exists():
        raise RefundUnderWay(f"A refund that is pending holds what {theirs.id} gave back.")
    have = money.spoken(left, charge.currency)
    return f"The processor made {theirs.id} of {amount}; {have} of the card leg is left."


def _new(charge: Charge, theirs: CardRefund, by: Actor, now: datetime) -> Refund:
    return Refund(
        partner_id=charge.partner_id,
        charge=charge,
        amount=theirs.amount,
        currency=charge.currency,
        refund_to=RefundTo.CARD,
        origin=Origin.PROCESSOR,
        external_amount=theirs.amount,
        wallet_amount=0,
        external_leg=theirs.amount,
        reason=theirs.reason,
        status=RefundStatus.PENDING,
        external_refund_id=theirs.id,
        attempts=1,
        next_attempt_at=now + LEASE,
        actor=by.name,
        created_at=now,
        updated_at=now,
    )
