"""The second and third beat of a charge: ask the processor, then settle or wait, exactly once.

No transaction is open across a call. Whoever comes first settles: the request, a sweep, Stripe's
callback, an operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from charges import backoff, caps, cards, collection, deciding
from charges.attempts import Conversation, contradiction
from charges.gateway import intents
from charges.gateway.client import NotExecuted, NotUnderstood, OutcomeUnknown, Refused
from charges.gateway.intents import Intent
from charges.killpoints import killpoint
from charges.models import WITH_PROCESSOR, Charge, ChargeStatus, Outcome
from foundation.actors import Actor
from wallets import money

ACTION_LIFETIME = timedelta(hours=24)
"""How long a cardholder may take to authenticate; the wallet leg is held meanwhile."""
UNCONFIRMED = "requires_confirmation"
RETRYABLE = {Outcome.DECLINED, Outcome.REFUSED}
FINAL = {Outcome.SUCCEEDED, Outcome.CANCELED, *RETRYABLE}
DECISIVE = {*FINAL, Outcome.REQUIRES_ACTION}
S = ChargeStatus
UNPAID = {S.FAILED, S.CANCELED}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the processor's words mean for a charge; `intent` when they are about one."""

    outcome: Outcome
    text: str
    intent: Intent | None = None


def ask_processor(charge: Charge, *, by: Actor, now: datetime) -> Charge:
    """The charge that the caller has leased went as far as the processor answers."""
    conversation = Conversation(charge, None, now)
    return take(charge, _ask(charge, now), conversation, by=by, now=now)


def take(
    charge: Charge, answer: Answer, conversation: Conversation | None, *, by: Actor, now: datetime
) -> Charge:
    """The charge stands as the answer says; the conversation, if it was one, is on record.

    An answer about another intent than the stored one, or about none, decides nothing once
    another worker has stored its own: that worker settles.
    """
    intent_id = answer.intent.id if answer.intent else ""
    with transaction.atomic(durable=True):
        charge = collection.lock(charge.id)
        is_about_ours = (charge.external_charge_id or "") == intent_id
        if charge.status in WITH_PROCESSOR and (is_about_ours or answer.outcome not in DECISIVE):
            _follow(charge, answer, by=by, now=now)
        elif answer.outcome == Outcome.SUCCEEDED and charge.status in UNPAID:
            flag(charge, f"The charge is {charge.status}; {intent_id} succeeded.", now)
        if conversation:
            _note(conversation, answer, charge.next_attempt_at)
        if charge.is_owned:
            caps.pass_turn(charge, now)
        killpoint("charge.before_settle_commits")
    killpoint("charge.after_settle")
    return charge


def flag(charge: Charge, text: str, now: datetime) -> None:
    """A step: staff see that the processor says otherwise than we have told."""
    Charge.objects.filter(id=charge.id).update(needs_review=text[:300], updated_at=now)
    logger.error("charge.contradicted", charge=str(charge.id), reason=text)


def flag_what_came_back(charge: Charge, how: str, now: datetime) -> None:
    """A step: staff see that a charge whose part was reopened holds money again."""
    if charge.reopened_at and charge.amount_kept:
        kept = money.spoken(charge.amount_kept, charge.currency)
        flag(charge, f"{kept} came back with {how} after its part was reopened.", now)


def _follow(charge: Charge, answer: Answer, *, by: Actor, now: datetime) -> None:
    is_waiting = charge.status == S.REQUIRES_ACTION
    # Until the time is over a cardholder who failed may try again, with another card too.
    is_final = answer.outcome in FINAL and not (is_waiting and answer.outcome in RETRYABLE)
    if is_final:
        _end(charge, answer, by=by, now=now)
    elif answer.outcome == Outcome.REQUIRES_ACTION and not (
        is_waiting or charge.cancel_requested_at
    ):
        _await_cardholder(charge, answer, by=by, now=now)
    else:
        _park(charge, answer, now)


def judge(charge: Charge, intent: Intent) -> Answer:
    """What the intent, as the processor shows it, means for the charge."""
    if text := difference(charge, intent):
        return Answer(Outcome.DIFFERS, text, intent)
    if intent.status == "succeeded":
        return Answer(Outcome.SUCCEEDED, "", intent)
    if intent.status == "canceled":
        return Answer(Outcome.CANCELED, intent.failure_message, intent)
    if intent.asks_cardholder:
        return Answer(Outcome.REQUIRES_ACTION, intent.failure_message, intent)
    if intent.status == "requires_payment_method":
        return Answer(Outcome.DECLINED, intent.failure_message, intent)
    is_slow = intent.status == "processing"  # a bank is at it, for days perhaps
    outcome = Outcome.WAITING if is_slow else Outcome.UNKNOWN
    return Answer(outcome, f"The intent is {intent.status}.", intent)


def _ask(charge: Charge, now: datetime) -> Answer:
    try:
        intent = _intent(charge, now)
        killpoint("charge.after_confirm")
    except Refused as refusal:
        return Answer(Outcome.REFUSED, refusal.message, _refused(charge, refusal))
    except NotExecuted as error:
        return Answer(Outcome.NOT_EXECUTED, str(error))
    except NotUnderstood as error:
        return Answer(Outcome.NOT_UNDERSTOOD, str(error))
    except OutcomeUnknown as error:
        return Answer(Outcome.UNKNOWN, str(error))
    return judge(charge, intent)


def _intent(charge: Charge, now: datetime) -> Intent:
    if charge.cancel_requested_at:
        return ended(charge)
    return _followed(charge, now) if charge.status == S.REQUIRES_ACTION else _taken(charge, now)


def ended(charge: Charge) -> Intent:
    """The charge's intent, canceled unless it has ended before. A declined one has, as long as no
    cardholder was asked, who may try again.
    """
    if charge.status != S.REQUIRES_ACTION:
        intent = intents.retrieve(charge.external_charge_id)
        if judge(charge, intent).outcome in FINAL:
            return intent
    return intents.cancel(charge.external_charge_id or "")


def _taken(charge: Charge, now: datetime) -> Intent:
    """The charge's one intent, as far as it goes: created, stored, confirmed."""
    begun = intents.retrieve(charge.external_charge_id) if charge.external_charge_id else None
    if begun and begun.status != UNCONFIRMED:
        return begun
    _check_card(charge, now)
    intent = begun or _created(charge)
    is_ours = intent.id == charge.external_charge_id and not difference(charge, intent)
    return intents.confirm(charge) if is_ours and intent.status == UNCONFIRMED else intent


def _created(charge: Charge) -> Intent:
    """A fresh intent, stored as the charge's own if it is as asked for."""
    intent = intents.create(charge, customer=cards.external_customer_of(charge))
    killpoint("charge.after_create")
    if not difference(charge, intent):
        _store_intent(charge, intent.id)
        killpoint("charge.after_intent_stored")
    return intent


def _check_card(charge: Charge, now: datetime) -> None:
    """Refused for a card that was removed or stopped since it was chosen and, where an order asks,
    for more tries than networks allow (charges/caps.py).
    """
    if reason := cards.refusal(charge):
        raise Refused(*reason)
    if charge.is_owned and caps.is_used_up(charge, now):
        raise Refused(caps.CODE, caps.MESSAGE)


def _followed(charge: Charge, now: datetime) -> Intent:
    """The intent that waits for its cardholder; canceled when the time is over."""
    intent = intents.retrieve(charge.external_charge_id)
    is_late = charge.action_expires_at is not None and charge.action_expires_at <= now
    if is_late and intent.is_open and not difference(charge, intent):
        return intents.cancel(intent.id)
    return intent


def _store_intent(charge: Charge, intent_id: str) -> None:
    """The charge has this intent, unless another came first, or staff ended the charge: an intent
    that is not stored is never confirmed.
    """
    open_rows = Charge.objects.filter(id=charge.id, status__in=WITH_PROCESSOR)
    open_rows.filter(external_charge_id=None).update(external_charge_id=intent_id)
    charge.refresh_from_db(fields=["external_charge_id"])


def difference(charge: Charge, intent: Intent) -> str:
    """What the intent says otherwise than the charge; empty when they agree."""
    ours = {
        "amount": money.spoken(charge.external_amount, charge.currency),
        "charge": str(charge.id),
    }
    theirs = {"amount": money.spoken(intent.amount, intent.currency), "charge": intent.charge_id}
    if intent.status == "succeeded":
        ours["received"] = ours["amount"]
        theirs["received"] = money.spoken(intent.amount_received, intent.currency)
    return contradiction(ours, theirs)


def _refused(charge: Charge, refusal: Refused) -> Intent:
    return Intent(
        id=charge.external_charge_id or "",
        status="canceled",
        amount=charge.external_amount,
        currency=charge.currency,
        charge_id=str(charge.id),
        failure_code=refusal.code,
        failure_message=refusal.message,
    )


def _end(charge: Charge, answer: Answer, *, by: Actor, now: datetime) -> None:
    """Capture or release, ledger, shares, state, event, owner: in the caller's transaction."""
    intent = answer.intent
    assert intent is not None  # noqa: S101 -- final answers are about an intent
    is_waiting = charge.status == S.REQUIRES_ACTION
    is_late = charge.action_expires_at is not None and charge.action_expires_at <= now
    is_canceled = charge.cancel_requested_at is not None or (is_waiting and not is_late)
    if answer.outcome == Outcome.SUCCEEDED:
        deciding.succeed(charge, now)
    elif is_canceled and answer.outcome == Outcome.CANCELED:
        deciding.cancel(charge, now)
    elif is_waiting and answer.outcome == Outcome.CANCELED:
        deciding.fail(
            charge,
            now,
            code="authentication_expired",
            message="The cardholder did not authenticate in time.",
        )
    else:
        deciding.fail(
            charge,
            now,
            code=intent.failure_code or "canceled",
            decline_code=intent.failure_decline_code,
            advice_code=intent.failure_advice_code,
            message=intent.failure_message or "The processor canceled the payment.",
        )
    collection.conclude(charge, by=by, now=now)


def _await_cardholder(charge: Charge, answer: Answer, *, by: Actor, now: datetime) -> None:
    assert answer.intent is not None  # noqa: S101 -- it is about an intent
    charge.client_secret = answer.intent.client_secret
    charge.action_expires_at = now + ACTION_LIFETIME
    charge.next_attempt_at = now + backoff.FIRST_LOOK
    collection.await_action(charge, by=by, now=now)


def _park(charge: Charge, answer: Answer, now: datetime) -> None:
    """The locked charge waits. At the end of the ladder staff look at it."""
    wait = _wait(charge, answer.outcome, now)
    charge.next_attempt_at = now + wait if wait else None
    charge.needs_review = _review(charge, answer, wait)[:300]
    if charge.status != S.REQUIRES_ACTION and answer.outcome != Outcome.NOT_EXECUTED:
        charge.status = S.UNKNOWN
    charge.updated_at = now
    charge.save(update_fields=["status", "next_attempt_at", "needs_review", "updated_at"])
    tell = logger.info if charge.status == S.REQUIRES_ACTION else logger.warning
    tell("charge.parked", charge=str(charge.id), status=charge.status, reason=answer.text)


def _wait(charge: Charge, outcome: Outcome, now: datetime) -> timedelta | None:
    if outcome == Outcome.DIFFERS:
        return None
    if charge.cancel_requested_at:
        return backoff.doubling(charge.cancel_requested_at, now, first=backoff.SOON)
    if charge.status == S.REQUIRES_ACTION and charge.action_expires_at is not None:
        begun_at = charge.action_expires_at - ACTION_LIFETIME
        look_at = now + backoff.doubling(begun_at, now)
        is_before_end = now < charge.action_expires_at
        return (min(look_at, charge.action_expires_at) if is_before_end else look_at) - now
    ladders = {Outcome.NOT_EXECUTED: backoff.NOT_EXECUTED, Outcome.WAITING: backoff.SLOW}
    return backoff.wait(ladders.get(outcome, backoff.UNKNOWN), charge.attempts)


def _review(charge: Charge, answer: Answer, wait: timedelta | None) -> str:
    if answer.outcome in (Outcome.DIFFERS, Outcome.NOT_UNDERSTOOD):
        return answer.text
    if wait is None:
        return f"Asked {charge.attempts} times without an outcome: {answer.text}"
    return ""


def _note(conversation: Conversation, answer: Answer, next_attempt_at: datetime | None) -> None:
    intent = answer.intent
    conversation.note(
        answer.outcome,
        external_id=intent.id if intent else "",
        code=intent.failure_code if intent else "",
        decline_code=intent.failure_decline_code if intent else "",
        advice_code=intent.failure_advice_code if intent else "",
        message=answer.text,
        next_attempt_at=next_attempt_at,
    )
