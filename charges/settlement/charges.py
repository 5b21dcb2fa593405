"""A charge is settled, or waits for the next look, as the processor's Answer says."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from charges import backoff, caps, collection, deciding, locking
from charges.answers import CARDHOLDER_MAY_RETRY, DECISIVE, FINAL, Answer
from charges.attempts import AttemptTimer
from charges.declines import Failure
from charges.killpoints import killpoint
from charges.models import WITH_PROCESSOR, Charge, ChargeStatus, Outcome
from charges.review_flags import flag
from foundation import states
from foundation.actors import Actor

ACTION_LIFETIME = timedelta(hours=24)
"""How long a cardholder may take to authenticate; the wallet leg is held meanwhile."""
EXPIRED = Failure("authentication_expired", "The cardholder did not authenticate in time.")
RETRY_SCHEDULED = ["status", "next_attempt_at", "needs_review", "updated_at"]
S = ChargeStatus
UNPAID = {S.FAILED, S.CANCELED}

logger = structlog.get_logger(__name__)


def settle(
    charge: Charge, answer: Answer, timer: AttemptTimer | None, *, by: Actor, now: datetime
) -> Charge:
    """The charge, locked and read again, stands as the answer says; the attempt, if it was one, is
    on record.

    Two workers whose leases overlapped may each have created an intent. Only one is stored, and its
    worker settles: an answer about another intent, or about none, decides nothing. Say that A was
    refused before it had an intent while B stored pi_1 and confirmed it: failing the charge for A's
    refusal would release a hold that pi_1 is about to capture.
    """
    charge = locking.lock(charge.id)
    is_about_ours = (charge.external_charge_id or "") == answer.external_id
    if charge.status in WITH_PROCESSOR and (is_about_ours or answer.outcome not in DECISIVE):
        _apply_answer(charge, answer, by=by, now=now)
    elif answer.outcome == Outcome.SUCCEEDED and charge.status in UNPAID:
        flag(charge, f"The charge is {charge.status}; {answer.external_id} succeeded.", now)
    if timer:
        timer.record(answer, charge.next_attempt_at)
    if charge.is_for_order:
        caps.pass_turn(charge, now)
    killpoint("charge.before_settle_commits")
    return charge


def _apply_answer(charge: Charge, answer: Answer, *, by: Actor, now: datetime) -> None:
    is_waiting = charge.status == S.REQUIRES_ACTION
    # Until the time is over a cardholder who failed may try again, with another card too: a decline
    # of the first try ends nothing.
    may_retry = is_waiting and answer.outcome in CARDHOLDER_MAY_RETRY
    if answer.outcome in FINAL and not may_retry:
        _conclude(charge, answer, by=by, now=now)
    elif answer.outcome == Outcome.REQUIRES_ACTION and not (
        is_waiting or charge.cancel_requested_at
    ):
        _await_cardholder(charge, answer, by=by, now=now)
    else:
        _schedule_retry(charge, answer, now)


def _conclude(charge: Charge, answer: Answer, *, by: Actor, now: datetime) -> None:
    """Capture or release, ledger, shares, state, event, order."""
    # An intent that is canceled before the time is over was canceled by somebody, us or a person at
    # the processor; after it, by us because nobody authenticated.
    is_waiting = charge.status == S.REQUIRES_ACTION
    is_late = charge.action_expires_at is not None and charge.action_expires_at <= now
    is_canceled = charge.cancel_requested_at is not None or (is_waiting and not is_late)
    if answer.outcome == Outcome.SUCCEEDED:
        deciding.succeed(charge, now)
    elif is_canceled and answer.outcome == Outcome.CANCELED:
        deciding.cancel(charge, now)
    elif is_waiting and answer.outcome == Outcome.CANCELED:
        deciding.fail(charge, EXPIRED, now)
    else:
        deciding.fail(charge, _failure(answer), now)
    collection.conclude(charge, by=by, now=now)


def _failure(answer: Answer) -> Failure:
    """A canceled intent may never have failed."""
    code = answer.failure.code or "canceled"
    message = answer.failure.message or "The processor canceled the payment."
    return answer.failure._replace(code=code, message=message)


def _await_cardholder(charge: Charge, answer: Answer, *, by: Actor, now: datetime) -> None:
    charge.client_secret = answer.client_secret
    charge.action_expires_at = now + ACTION_LIFETIME
    charge.next_attempt_at = now + backoff.FIRST_LOOK
    collection.await_action(charge, by=by, now=now)


def _schedule_retry(charge: Charge, answer: Answer, now: datetime) -> None:
    """The locked charge waits. At the end of the ladder staff look at it."""
    wait = _wait(charge, answer.outcome, now)
    charge.next_attempt_at = now + wait if wait else None
    charge.needs_review = _review(charge, answer, wait)[:300]
    if charge.status != S.REQUIRES_ACTION and answer.outcome != Outcome.NOT_EXECUTED:
        charge.status = S.UNKNOWN
    charge.updated_at = now
    states.transition([charge], RETRY_SCHEDULED)
    log = logger.info if charge.status == S.REQUIRES_ACTION else logger.warning
    log("charge.retry_scheduled", charge=str(charge.id), status=charge.status, reason=answer.text)


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
