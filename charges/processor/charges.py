"""A charge's card leg at the processor: its one intent is created, confirmed, polled, canceled."""

from __future__ import annotations

from datetime import datetime

from charges import caps, cards
from charges.answers import FINAL, Answer, contradiction
from charges.declines import Failure
from charges.gateway import intents
from charges.gateway.client import NotExecuted, NotUnderstood, OutcomeUnknown, Refused
from charges.gateway.intents import Intent
from charges.killpoints import killpoint
from charges.models import WITH_PROCESSOR, Charge, ChargeStatus, Outcome
from wallets import money

UNCONFIRMED = "requires_confirmation"


def ask(charge: Charge, now: datetime) -> Answer:
    """The leased charge's intent has gone as far as the processor lets it. What the gateway raises
    is an answer, too.
    """
    try:
        answer = _ask(charge, now)
        killpoint("charge.after_confirm")
    except Refused as refusal:
        failure = Failure(refusal.code, refusal.message)
        known_id = charge.external_charge_id or ""
        return Answer(Outcome.REFUSED, refusal.message, known_id, failure)
    except NotExecuted as error:
        return Answer(Outcome.NOT_EXECUTED, str(error))
    except NotUnderstood as error:
        return Answer(Outcome.NOT_UNDERSTOOD, str(error))
    except OutcomeUnknown as error:
        return Answer(Outcome.UNKNOWN, str(error))
    return answer


def cancel_intent(charge: Charge) -> Answer:
    """The charge's intent cannot succeed any more, unless it has ended before. A declined intent
    has ended unless it waits for the cardholder, who may try again. Raises what the gateway raises.
    """
    if charge.status != ChargeStatus.REQUIRES_ACTION:
        answer = classify(charge, intents.retrieve(charge.external_charge_id))
        if answer.outcome in FINAL:
            return answer
    return classify(charge, intents.cancel(charge.external_charge_id or ""))


def classify(charge: Charge, intent: Intent) -> Answer:
    """What the intent, as the processor shows it, means for the charge."""

    def answer(outcome: Outcome, text: str) -> Answer:
        return Answer(outcome, text, intent.id, intent.failure, intent.client_secret)

    failure_message = intent.failure.message
    if text := find_mismatch(charge, intent):
        return answer(Outcome.DIFFERS, text)
    if intent.status == "succeeded":
        return answer(Outcome.SUCCEEDED, "")
    if intent.status == "canceled":
        return answer(Outcome.CANCELED, failure_message)
    if intent.asks_cardholder:
        return answer(Outcome.REQUIRES_ACTION, failure_message)
    if intent.status == "requires_payment_method":
        return answer(Outcome.DECLINED, failure_message)
    is_slow = intent.status == "processing"  # a bank works on it, for days perhaps
    outcome = Outcome.WAITING if is_slow else Outcome.UNKNOWN
    return answer(outcome, f"The intent is {intent.status}.")


def find_mismatch(charge: Charge, intent: Intent) -> str:
    """Where the intent contradicts the charge; empty when they agree."""
    expected = {
        "amount": money.with_code(charge.external_amount, charge.currency),
        "charge": str(charge.id),
    }
    actual = {"amount": money.with_code(intent.amount, intent.currency), "charge": intent.charge_id}
    if intent.status == "succeeded":
        expected["received"] = expected["amount"]
        actual["received"] = money.with_code(intent.amount_received, intent.currency)
    return contradiction(expected, actual)


def _ask(charge: Charge, now: datetime) -> Answer:
    if charge.cancel_requested_at:
        return cancel_intent(charge)
    if charge.status == ChargeStatus.REQUIRES_ACTION:
        return _poll(charge, now)
    return _create_and_confirm(charge, now)


def _poll(charge: Charge, now: datetime) -> Answer:
    """The intent that waits for its cardholder; canceled when the time is over."""
    intent = intents.retrieve(charge.external_charge_id)
    answer = classify(charge, intent)
    is_late = charge.action_expires_at is not None and charge.action_expires_at <= now
    if is_late and intent.is_open and answer.outcome != Outcome.DIFFERS:
        return classify(charge, intents.cancel(intent.id))
    return answer


def _create_and_confirm(charge: Charge, now: datetime) -> Answer:
    """The charge's one intent, as far as it goes: created, stored, confirmed.

    An intent that differs is neither stored nor confirmed, and one that is not the stored one is
    never confirmed: another worker, or staff, came first.
    """
    intent = intents.retrieve(charge.external_charge_id) if charge.external_charge_id else None
    if intent and intent.status != UNCONFIRMED:
        return classify(charge, intent)
    _check_card(charge, now)
    intent = intent or _create(charge)
    answer = classify(charge, intent)
    if answer.outcome == Outcome.DIFFERS:
        return answer
    if charge.external_charge_id is None:
        _store_intent(charge, intent.id)
        killpoint("charge.after_intent_stored")
    is_ours = intent.id == charge.external_charge_id and intent.status == UNCONFIRMED
    return classify(charge, intents.confirm(charge)) if is_ours else answer


def _create(charge: Charge) -> Intent:
    intent = intents.create(charge, customer=cards.external_customer_of(charge))
    killpoint("charge.after_create")
    return intent


def _check_card(charge: Charge, now: datetime) -> None:
    """Refused for a card that was removed or stopped since it was chosen and, where an order asks,
    for more tries than networks allow (charges/caps.py).
    """
    if reason := cards.refusal(charge):
        raise Refused(*reason)
    if charge.is_for_order and caps.is_used_up(charge, now):
        raise Refused(caps.CODE, caps.MESSAGE)


def _store_intent(charge: Charge, intent_id: str) -> None:
    """The charge has this intent, unless another came first, or staff ended the charge."""
    open_rows = Charge.objects.filter(id=charge.id, status__in=WITH_PROCESSOR)
    open_rows.filter(external_charge_id=None).update(external_charge_id=intent_id)
    charge.refresh_from_db(fields=["external_charge_id"])
