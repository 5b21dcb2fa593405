"""A refund's card part at the processor: found again, or created."""

from __future__ import annotations

from charges.answers import Answer, contradiction
from charges.declines import Failure
from charges.gateway import refunds as gateway
from charges.gateway.client import (
    NotExecuted,
    NotUnderstood,
    OutcomeUnknown,
    Refused,
    RefusedForNow,
)
from charges.gateway.refunds import CardRefund
from charges.killpoints import killpoint
from charges.models import Origin, Outcome, Refund
from wallets import money


def ask(refund: Refund) -> Answer:
    """The leased refund is at the processor: looked for, when it was begun before, else created.
    What the gateway raises is an answer, too.
    """
    intent_id = refund.charge.external_charge_id or ""
    try:
        found = gateway.find(refund, intent_id=intent_id) if refund.attempts > 1 else None
        card_refund = found or gateway.create(refund, intent_id=intent_id)
        killpoint("refund.after_call")
    except RefusedForNow as refusal:
        text = f"{refusal.code}: {refusal.message}"
        failure = Failure(refusal.code, refusal.message)
        return Answer(Outcome.REFUSED_FOR_NOW, text, failure=failure, is_key_spent=True)
    except Refused as refusal:
        failure = Failure(refusal.code, refusal.message)
        return Answer(Outcome.REFUSED, refusal.message, failure=failure)
    except NotExecuted as error:
        return Answer(Outcome.NOT_EXECUTED, str(error))
    except NotUnderstood as error:
        return Answer(Outcome.NOT_UNDERSTOOD, str(error))
    except OutcomeUnknown as error:
        return Answer(Outcome.UNKNOWN, str(error), is_key_spent=error.is_answered)
    return classify(refund, card_refund)


def classify(refund: Refund, card_refund: CardRefund) -> Answer:
    """What the processor's refund, as it shows it, means for ours."""
    if text := find_mismatch(refund, card_refund):
        return Answer(Outcome.DIFFERS, text)
    if card_refund.status == "succeeded":
        return Answer(Outcome.SUCCEEDED, "", card_refund.id)
    if not card_refund.may_move_money:
        text = f"The processor says that the refund is {card_refund.status}."
        failure = Failure(card_refund.failure_reason or card_refund.status, text)
        return Answer(Outcome.REFUSED, text, card_refund.id, failure)
    return Answer(Outcome.WAITING, f"The refund is {card_refund.status}.", card_refund.id)


def find_mismatch(refund: Refund, card_refund: CardRefund) -> str:
    """Where the processor's refund contradicts ours; empty when they agree."""
    expected = {
        "amount": money.with_code(refund.external_amount, refund.currency),
        "refund": str(refund.id),
        "intent": refund.charge.external_charge_id,
        "id": refund.external_refund_id or card_refund.id,
    }
    is_made_there = refund.origin == Origin.PROCESSOR  # it names no refund of ours
    actual = {
        "amount": money.with_code(card_refund.amount, card_refund.currency),
        "refund": str(refund.id) if is_made_there else card_refund.refund_id,
        "intent": card_refund.intent_id,
        "id": card_refund.id,
    }
    return contradiction(expected, actual)
