"""Doors: a refund follows the processor's, and one that was made there, in its dashboard or by its
fraud checks, is adopted.

They take part in everything as ours do: reserved on the charge, posted, told, undone if they fail.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from charges import locking
from charges.attempts import LEASE
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
from charges.processor.refunds import classify
from charges.review_flags import flag
from charges.services.refunding import matching, settle
from charges.services.sync_disputes import ChargeNotSettled
from charges.services.sync_intents import sync_intent
from charges.settlement import disputes
from charges.settlement.refunds import reserve
from foundation.actors import Actor
from wallets import money


class RefundUnsettled(OutcomeUnknown):
    """A refund that has no outcome yet holds the same money: ask again later."""


def sync_refund(*, external_id: str, by: Actor, now: datetime) -> tuple[Charge | None, str]:
    """The refund stands as the processor has it, one that failed after it succeeded included. One
    of our charges that we did not make is adopted; if it does not fit, the charge is flagged.

    Returns its charge and what was done. Raises ChargeNotSettled, RefundUnsettled, and what the
    gateway raises.
    """
    card_refund = card_refunds.retrieve(external_id)
    refund = matching(card_refund)
    if refund is None:
        charge = Charge.objects.filter(external_charge_id=card_refund.intent_id).first()
        if charge is None:
            return None, "No charge here has this intent."
        if not card_refund.may_move_money:
            return charge, f"It is {card_refund.status}, and moved nothing here."
        adopted = _adopt(charge, card_refund, by, now)
        if isinstance(adopted, str):
            return charge, adopted
        refund = adopted
    refund = settle(refund, classify(refund, card_refund), None, by=by, now=now)
    return refund.charge, f"The refund is {refund.status}."


def _adopt(charge: Charge, card_refund: CardRefund, by: Actor, now: datetime) -> Refund | str:
    """Our row of it, pending, its amount reserved; or why there is none, flagged on the charge."""
    if charge.status in OPEN:
        sync_intent(intent_id=card_refund.intent_id, by=by, now=now)
    with transaction.atomic(durable=True):
        charge = locking.lock(charge.id)
        if known := matching(card_refund):
            return known
        if text := _misfit(charge, card_refund):
            flag(charge, text, now)
            return text
        disputes.make_room(charge, card_refund.amount, by=by, now=now)
        refund = _new(charge, card_refund, by, now)
        refund.save(force_insert=True)
        reserve(charge, refund, +1, now)
        disputes.allocate_freed(charge, by=by, now=now)
    killpoint("adoption.after_reserved")
    return refund


def _misfit(charge: Charge, card_refund: CardRefund) -> str:
    """Why the refund cannot be one of the locked charge; empty when it can.

    Raises ChargeNotSettled, RefundUnsettled.
    """
    if charge.status in OPEN:
        raise ChargeNotSettled(f"The charge is {charge.status}.")
    amount = money.with_code(card_refund.amount, card_refund.currency)
    if charge.status != ChargeStatus.SUCCEEDED or card_refund.currency != charge.currency:
        paid = f"{charge.status} {money.with_code(charge.external_amount, charge.currency)}"
        return f"The processor made {card_refund.id} of {amount}; by card the charge is {paid}."
    left = charge.card_left + charge.external_reversed
    if card_refund.amount <= left:
        return ""
    if charge.refunds.filter(status=RefundStatus.PENDING).exists():
        raise RefundUnsettled(f"A refund that is pending holds what {card_refund.id} gave back.")
    have = money.with_code(left, charge.currency)
    return f"The processor made {card_refund.id} of {amount}; {have} of the card leg is left."


def _new(charge: Charge, card_refund: CardRefund, by: Actor, now: datetime) -> Refund:
    return Refund(
        partner_id=charge.partner_id,
        charge=charge,
        amount=card_refund.amount,
        currency=charge.currency,
        refund_to=RefundTo.CARD,
        origin=Origin.PROCESSOR,
        external_amount=card_refund.amount,
        wallet_amount=0,
        external_leg=card_refund.amount,
        reason=card_refund.reason,
        status=RefundStatus.PENDING,
        external_refund_id=card_refund.id,
        attempts=1,
        next_attempt_at=now + LEASE,
        actor=by.name,
        created_at=now,
        updated_at=now,
    )
