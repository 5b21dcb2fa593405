"""A refund is settled, or waits for the next look, as the processor's Answer says."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from charges import backoff, facts, locking
from charges.answers import Answer
from charges.attempts import AttemptTimer
from charges.declines import Failure
from charges.killpoints import killpoint
from charges.models import Charge, Outcome, Refund, RefundStatus
from charges.review_flags import flag_returned_money
from charges.settlement import disputes, reversals
from charges.settlement.reversals import Return, Reversed
from foundation import states
from foundation.actors import Actor
from wallets.models import Kind
from webhooks import events

LADDERS = {
    Outcome.NOT_EXECUTED: backoff.NOT_EXECUTED,
    Outcome.WAITING: backoff.SLOW,
    Outcome.REFUSED_FOR_NOW: backoff.REFUSED_FOR_NOW,
}
RETRY_SCHEDULED = [
    "status",
    "next_attempt_at",
    "needs_review",
    "external_refund_id",
    "key_number",
    "failure_code",
    "failure_message",
    "updated_at",
]
SETTLED = [
    *RETRY_SCHEDULED,
    "split_reversals",
    "late_fee_reversed",
    "succeeded_at",
    "failed_at",
]
S = RefundStatus

logger = structlog.get_logger(__name__)


def settle(
    refund: Refund, answer: Answer, timer: AttemptTimer | None, *, by: Actor, now: datetime
) -> Refund:
    """The refund, locked and read again, stands as the answer says; the attempt, if it was one, is
    on record.
    """
    charge, refund = locking.lock_refund(refund)
    if answer.outcome == Outcome.SUCCEEDED:
        _succeed(charge, refund, answer, by=by, now=now)
    elif answer.outcome == Outcome.REFUSED:
        _fail(charge, refund, answer, by=by, now=now)
    elif refund.status == S.PENDING:
        _schedule_retry(refund, answer, now)
    elif answer.outcome == Outcome.DIFFERS:
        _flag(refund, answer.text)
    if timer:
        timer.record(answer, refund.next_attempt_at)
    killpoint("refund.before_settle_commits")
    return refund


def succeed(charge: Charge, refund: Refund, *, by: Actor, now: datetime) -> None:
    """The refund is in the ledger, with what recipients gave back, and told. Both are locked."""
    refund.split_reversals, refund.late_fee_reversed = reversals.post(
        charge, _return(refund, Kind.REFUND, refund.reason), by=by, now=now
    )
    refund.status, refund.succeeded_at, refund.updated_at = S.SUCCEEDED, now, now
    refund.next_attempt_at, refund.needs_review = None, ""
    refund.failure_code = refund.failure_message = ""
    states.transition([refund], SETTLED)
    events.publish([facts.charge_refunded(charge, refund)], by=by, now=now)


def fail(charge: Charge, refund: Refund, failure: Failure, *, by: Actor, now: datetime) -> None:
    """The refund failed, though it may have succeeded before: the charge's amounts are restored,
    and lost disputes that the card leg was too short for take of it. Both are locked.
    """
    refund.failure_code, refund.failure_message = failure.code[:64], failure.message[:500]
    if refund.status == S.SUCCEEDED:
        posted = Reversed(refund.split_reversals, refund.late_fee_reversed)
        back = _return(refund, Kind.REFUND_FAILED, refund.failure_message)
        reversals.undo(charge, back, posted, by=by, now=now)
    refund.status, refund.failed_at, refund.updated_at = S.FAILED, now, now
    refund.next_attempt_at, refund.needs_review = None, ""
    states.transition([refund], SETTLED)
    reserve(charge, refund, -1, now)
    disputes.allocate_freed(charge, by=by, now=now)
    flag_returned_money(charge, f"refund {refund.id}", now)
    events.publish([facts.refund_failed(refund)], by=by, now=now)


def reserve(charge: Charge, refund: Refund, sign: int, now: datetime) -> None:
    """The refund's legs count as gone back on its locked charge; with -1 no more."""
    charge.wallet_refunded += sign * refund.wallet_leg
    charge.external_refunded += sign * refund.external_leg
    charge.updated_at = now
    charge.save(update_fields=["wallet_refunded", "external_refunded", "updated_at"])


def _return(refund: Refund, kind: Kind, description: str) -> Return:
    return Return(
        kind,
        external=refund.external_amount,
        wallet=refund.wallet_amount,
        refund_id=refund.id,
        description=description,
    )


def _succeed(charge: Charge, refund: Refund, answer: Answer, *, by: Actor, now: datetime) -> None:
    if refund.status == S.PENDING:
        refund.external_refund_id = answer.external_id
        succeed(charge, refund, by=by, now=now)
    elif refund.status == S.FAILED:
        _flag(refund, f"Failed here, but the processor says that {answer.external_id} succeeded.")


def _fail(charge: Charge, refund: Refund, answer: Answer, *, by: Actor, now: datetime) -> None:
    """One that had succeeded fails only by its own end at the processor, which names it: a refusal
    that another worker was told before (say, of a repetition) is about no refund.
    """
    is_its_own = bool(answer.external_id) and answer.external_id == refund.external_refund_id
    is_undone = refund.status == S.SUCCEEDED and is_its_own
    if refund.status == S.PENDING or is_undone:
        refund.external_refund_id = refund.external_refund_id or answer.external_id or None
        fail(charge, refund, answer.failure, by=by, now=now)


def _schedule_retry(refund: Refund, answer: Answer, now: datetime) -> None:
    """The locked refund waits. At the end of the ladder staff look at it."""
    wait = _wait(refund, answer.outcome)
    refund.next_attempt_at = now + wait if wait else None
    refund.needs_review = _review(refund, answer, wait)[:300]
    refund.external_refund_id = refund.external_refund_id or answer.external_id or None
    refund.key_number += answer.is_key_spent
    refund.updated_at = now
    if answer.outcome == Outcome.REFUSED_FOR_NOW:  # it waits, and shows why
        refund.failure_code = answer.failure.code[:64]
        refund.failure_message = answer.failure.message[:500]
    states.transition([refund], RETRY_SCHEDULED)
    logger.warning(
        "refund.retry_scheduled", refund=str(refund.id), outcome=answer.outcome, reason=answer.text
    )


def _flag(refund: Refund, text: str) -> None:
    Refund.objects.filter(id=refund.id).update(needs_review=text[:300])


def _wait(refund: Refund, outcome: Outcome) -> timedelta | None:
    ladder = [] if outcome == Outcome.DIFFERS else LADDERS.get(outcome, backoff.UNKNOWN)
    return backoff.wait(ladder, refund.attempts)


def _review(refund: Refund, answer: Answer, wait: timedelta | None) -> str:
    if answer.outcome in (Outcome.DIFFERS, Outcome.NOT_UNDERSTOOD):
        return answer.text
    return "" if wait else f"Asked {refund.attempts} times without an outcome: {answer.text}"
