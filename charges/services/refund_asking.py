"""The second and third beat of a refund: ask the processor, then settle or wait, exactly once.

No transaction is open across a call. Whoever comes first settles: the request, a sweep, Stripe's
callback, an operator.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from charges import backoff, collection, losses, returns
from charges.attempts import Conversation, contradiction
from charges.gateway import refunds as card_refunds
from charges.gateway.client import (
    NotExecuted,
    NotUnderstood,
    OutcomeUnknown,
    Refused,
    RefusedForNow,
)
from charges.gateway.refunds import CardRefund
from charges.killpoints import killpoint
from charges.models import Charge, Origin, Outcome, Refund, RefundStatus
from charges.returns import GivenBack, Return
from charges.serializers import RefundResource
from charges.services.asking import flag_what_came_back
from foundation.actors import Actor
from wallets import money
from wallets.models import Kind
from webhooks import events

logger = structlog.get_logger(__name__)


def ask_processor(row: Refund, *, by: Actor, now: datetime) -> Refund:
    """The second beat: asked whether it is there, when it was begun before; else created."""
    conversation = Conversation(row.charge, row, now)
    intent_id = row.charge.external_charge_id or ""
    try:
        found = card_refunds.find(row, intent_id=intent_id) if row.attempts > 1 else None
        theirs = found or card_refunds.create(row, intent_id=intent_id)
        killpoint("refund.after_call")
    except RefusedForNow as refusal:
        return _put_off(row, refusal, conversation, now)
    except Refused as refusal:
        return _end(row, refusal.code, refusal.message, conversation, by=by, now=now)
    except NotExecuted as error:
        return _park(row, Outcome.NOT_EXECUTED, str(error), conversation, now)
    except NotUnderstood as error:
        return _park(row, Outcome.NOT_UNDERSTOOD, str(error), conversation, now)
    except OutcomeUnknown as error:
        is_spent = error.is_answered
        return _park(row, Outcome.UNKNOWN, str(error), conversation, now, is_spent=is_spent)
    return take(row, theirs, conversation, by=by, now=now)


def take(
    row: Refund, theirs: CardRefund, conversation: Conversation | None, *, by: Actor, now: datetime
) -> Refund:
    """The third beat: the refund stands as theirs does."""
    if text := difference(row, theirs):
        return _park(row, Outcome.DIFFERS, text, conversation, now)
    if theirs.status == "succeeded":
        return _settle(row, theirs, conversation, by=by, now=now)
    if not theirs.may_move_money:
        code = theirs.failure_reason or theirs.status
        text = f"The processor says that the refund is {theirs.status}."
        return _end(row, code, text, conversation, external_id=theirs.id, by=by, now=now)
    return _park(
        row, Outcome.WAITING, f"The refund is {theirs.status}.", conversation, now, theirs.id
    )


def difference(row: Refund, theirs: CardRefund) -> str:
    """What the processor's refund says otherwise than ours; empty when they agree."""
    ours = {
        "amount": money.spoken(row.external_amount, row.currency),
        "refund": str(row.id),
        "intent": row.charge.external_charge_id,
        "id": row.external_refund_id or theirs.id,
    }
    is_made_there = row.origin == Origin.PROCESSOR  # it names no refund of ours
    said = {
        "amount": money.spoken(theirs.amount, theirs.currency),
        "refund": str(row.id) if is_made_there else theirs.refund_id,
        "intent": theirs.intent_id,
        "id": theirs.id,
    }
    return contradiction(ours, said)


def _settle(
    row: Refund, theirs: CardRefund, conversation: Conversation | None, *, by: Actor, now: datetime
) -> Refund:
    with transaction.atomic(durable=True):
        charge, row = locked(row)
        if row.status == RefundStatus.PENDING:
            row.external_refund_id = theirs.id
            succeed(charge, row, by=by, now=now)
        elif row.status == RefundStatus.FAILED:
            text = f"Failed here, but the processor says that {theirs.id} succeeded."
            Refund.objects.filter(id=row.id).update(needs_review=text)
        if conversation:
            conversation.note(Outcome.SUCCEEDED, external_id=theirs.id)
        killpoint("refund.before_settle_commits")
    killpoint("refund.after_settle")
    return row


def succeed(charge: Charge, row: Refund, *, by: Actor, now: datetime) -> None:
    """The refund is in the ledger, with what recipients gave back, and told."""
    row.split_reversals, row.late_fee_reversed = returns.give_back(
        charge, _return(row, Kind.REFUND, row.reason), by=by, now=now
    )
    row.status, row.succeeded_at, row.updated_at = RefundStatus.SUCCEEDED, now, now
    row.next_attempt_at, row.needs_review = None, ""
    row.failure_code = row.failure_message = ""
    row.save()
    told = collection.fact(charge, "charge.refunded", refund=RefundResource.render(row))
    events.publish([told], by=by, now=now)


def _return(row: Refund, kind: Kind, description: str) -> Return:
    return Return(
        kind,
        external=row.external_amount,
        wallet=row.wallet_amount,
        refund_id=row.id,
        description=description,
    )


def _end(
    row: Refund,
    code: str,
    text: str,
    conversation: Conversation | None,
    *,
    external_id: str | None = None,
    by: Actor,
    now: datetime,
) -> Refund:
    """The refund failed: the charge's amounts are restored. One that had succeeded fails only by
    its own end at the processor, never by a refusal that somebody else was told.
    """
    with transaction.atomic(durable=True):
        charge, row = locked(row)
        is_pending = row.status == RefundStatus.PENDING
        is_its_own = external_id is not None and external_id == row.external_refund_id
        is_undone = row.status == RefundStatus.SUCCEEDED and is_its_own
        if is_pending or is_undone:
            row.external_refund_id = row.external_refund_id or external_id
            fail(charge, row, code=code, message=text, by=by, now=now)
        if conversation:
            conversation.note(
                Outcome.REFUSED, external_id=external_id or "", code=code, message=text
            )
        killpoint("refund.before_settle_commits")
    killpoint("refund.after_settle")
    return row


def fail(charge: Charge, row: Refund, *, code: str, message: str, by: Actor, now: datetime) -> None:
    """A step: both rows are locked by the caller. What the refund had of the card leg bears lost
    disputes that it was too short for.
    """
    row.failure_code, row.failure_message = code[:64], message[:500]
    if row.status == RefundStatus.SUCCEEDED:
        given = GivenBack(row.split_reversals, row.late_fee_reversed)
        back = _return(row, Kind.REFUND_FAILED, row.failure_message)
        returns.take_back(charge, back, given, by=by, now=now)
    row.status, row.failed_at, row.updated_at = RefundStatus.FAILED, now, now
    row.next_attempt_at, row.needs_review = None, ""
    row.save()
    reserve(charge, row, -1, now)
    losses.allocate_freed(charge, by=by, now=now)
    flag_what_came_back(charge, f"refund {row.id}", now)
    told = events.Fact(
        partner_id=row.partner_id,
        type="refund.failed",
        resource_id=row.id,
        data=RefundResource.render(row),
    )
    events.publish([told], by=by, now=now)


def reserve(charge: Charge, row: Refund, sign: int, now: datetime) -> None:
    """A step: the refund's legs count as gone back on its locked charge; with -1 no more."""
    charge.wallet_refunded += sign * row.wallet_leg
    charge.external_refunded += sign * row.external_leg
    charge.updated_at = now
    charge.save(update_fields=["wallet_refunded", "external_refunded", "updated_at"])


def locked(row: Refund) -> tuple[Charge, Refund]:
    """A step: the refund and its charge as they stand, locked, the charge first."""
    charge = collection.lock(row.charge_id)
    row = Refund.objects.select_for_update(of=("self",)).get(id=row.id)
    row.charge = charge
    return charge, row


def _put_off(
    row: Refund, refusal: RefusedForNow, conversation: Conversation, now: datetime
) -> Refund:
    """The refund waits, and shows why; its idempotency key has the refusal stored under it."""
    with transaction.atomic(durable=True):
        _, row = locked(row)
        if row.status == RefundStatus.PENDING:
            row.failure_code, row.failure_message = refusal.code[:64], refusal.message[:500]
            row.save(update_fields=["failure_code", "failure_message"])
    text = f"{refusal.code}: {refusal.message}"
    return _park(row, Outcome.REFUSED_FOR_NOW, text, conversation, now, is_spent=True)


def _park(
    row: Refund,
    outcome: Outcome,
    text: str,
    conversation: Conversation | None,
    now: datetime,
    external_id: str | None = None,
    *,
    is_spent: bool = False,
) -> Refund:
    """The refund waits; `is_spent`: its idempotency key has an error stored under it for a day."""
    with transaction.atomic(durable=True):
        _, row = locked(row)
        if row.status == RefundStatus.PENDING:
            wait = _wait(row, outcome)
            row.next_attempt_at = now + wait if wait else None
            row.needs_review = _review(row, outcome, text, wait)[:300]
            row.external_refund_id = row.external_refund_id or external_id
            row.key_number += is_spent
            row.updated_at = now
            row.save()
        elif outcome == Outcome.DIFFERS:
            Refund.objects.filter(id=row.id).update(needs_review=text[:300])
        if conversation:
            conversation.note(
                outcome,
                external_id=external_id or "",
                message=text,
                next_attempt_at=row.next_attempt_at,
            )
    logger.warning("refund.parked", refund=str(row.id), outcome=outcome, reason=text)
    return row


def _wait(row: Refund, outcome: Outcome) -> timedelta | None:
    ladders = {
        Outcome.NOT_EXECUTED: backoff.NOT_EXECUTED,
        Outcome.WAITING: backoff.SLOW,
        Outcome.REFUSED_FOR_NOW: backoff.REFUSED_FOR_NOW,
    }
    ladder = [] if outcome == Outcome.DIFFERS else ladders.get(outcome, backoff.UNKNOWN)
    return backoff.wait(ladder, row.attempts)


def _review(row: Refund, outcome: Outcome, text: str, wait: timedelta | None) -> str:
    if outcome in (Outcome.DIFFERS, Outcome.NOT_UNDERSTOOD):
        return text
    return "" if wait else f"Asked {row.attempts} times without an outcome: {text}"
