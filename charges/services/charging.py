"""Doors: charges, from the request to the outcome.

A charge is collected in three beats: claim (`charges.collection`), call (`charges.processor`),
settle (`charges.settlement`). No transaction is open across a call, and whoever comes first
settles, once: the request, a sweep, Stripe's callback, an operator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from charges import attempts, cancellation, caps, cards, collection, deciding, locking, splits
from charges.answers import Answer
from charges.attempts import LEASE, AttemptTimer
from charges.cards import PaymentMethodNotFound
from charges.deciding import UnknownRecipient
from charges.draining import drain
from charges.hooks import hooks
from charges.killpoints import killpoint
from charges.models import OPEN, WITH_PROCESSOR, Charge, ChargeStatus
from charges.processor import charges as processor
from charges.processor.availability import ProcessorUnavailable, answer_needed
from charges.services.conversations import converse
from charges.settlement import charges as settlement
from charges.splits import Instruction, SplitExceedsAmount
from charges.turns import Turns
from foundation import broker, idempotency, queues
from foundation.actors import Actor
from wallets import ledger

S = ChargeStatus
RECOVER_TASK = "charges.recover"


class ChargeNotCancelable(Exception):
    """It has ended otherwise, or the processor is collecting it."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The charge is {status} and cannot be canceled.")


@dataclass(frozen=True, slots=True)
class NewCharge:
    """A charge as asked for; `amount` in minor units."""

    customer_id: str
    amount: int
    currency: str
    idempotency_key: str
    fingerprint: str
    payment_method: str = ""
    use_wallet: bool = True
    split_instructions: Sequence[Instruction] = ()
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Leased(NamedTuple):
    """A charge that was locked; `is_ours` when it is leased to whoever locked it."""

    charge: Charge
    is_ours: bool


class Created(NamedTuple):
    charge: Charge
    is_replay: bool


def create(
    *, partner_id: UUID, new: NewCharge, is_async: bool = False, by: Actor, now: datetime
) -> Created:
    """The charge exists under its key and, unless `is_async`, is collected as far as the processor
    answers. A repeated key resumes what the first request began.

    Raises SplitExceedsAmount, UnknownRecipient, PaymentMethodNotFound, IdempotencyKeyReused.
    """
    try:
        charge = _new(partner_id, new, by, now)
        with transaction.atomic(durable=True):
            cards.check(partner_id, new.customer_id, new.payment_method)
            if is_async:
                _insert_pending(charge)
            else:
                collection.claim([charge], is_new=True, asks_processor=True, by=by, now=now)
            killpoint("charge.before_claim_commits")
    except (IntegrityError, SplitExceedsAmount, UnknownRecipient, PaymentMethodNotFound) as refusal:
        return Created(_replay(partner_id, new, refusal, by=by, now=now), is_replay=True)
    killpoint("charge.after_claim")
    if charge.status == ChargeStatus.PROCESSING:
        charge = _ask_and_settle(charge, by=by, now=now)
    return Created(charge, is_replay=False)


def collect(*, charge_id: UUID, by: Actor, now: datetime) -> Charge:
    """Resume an open charge, due or not. Terminal charges are returned unchanged."""
    leased = _lease(lambda: _locked(charge_id), now)
    return _resume(leased, now, by=by) if leased else Charge.objects.get(id=charge_id)


def collect_due(*, by: Actor) -> int:
    """Resume every open charge that is due; returns how many there were.

    Those that partners asked for come before those that orders ask for, the partners in turn. Any
    number may run at once: charges are leased one by one with SKIP LOCKED.
    """
    turns = [Turns(is_for_order=False), Turns(is_for_order=True)]

    def lease_next(now: datetime) -> Leased | None:
        # One after the other: a second charge is leased only where the first queue is empty.
        leases = (_lease(partial(turn.next, now), now) for turn in turns)
        return next(filter(None, leases), None)

    resume = partial(_resume, by=by)
    return drain(Charge.objects.due, lease_next, resume, parallel=settings.STRIPE_CONVERSATIONS)


def unfinished() -> list[UUID]:
    """Ids of all open charges, whenever they are due."""
    return list(Charge.objects.filter(status__in=OPEN).order_by("id").values_list("id", flat=True))


def cancel(*, charge_id: UUID, by: Actor, now: datetime) -> Charge:
    """The charge is canceled, its hold released, and its intent cannot succeed any more.

    A canceled charge stays as it is. Raises ChargeNotCancelable when it has ended otherwise, or the
    processor is collecting it; ProcessorUnavailable when it may still be paid: a sweep asks again.
    """
    charge = _request_cancel(charge_id, by, now)
    if charge.status in OPEN and charge.cancel_requested_at:
        with answer_needed():
            answer = processor.cancel_intent(charge)
        killpoint("cancel.after_call")
        charge = settle(charge, answer, None, by=by, now=now)
        if charge.status in OPEN and not charge.needs_review:
            raise ProcessorUnavailable
    if charge.status != ChargeStatus.CANCELED:
        raise ChargeNotCancelable(charge.status)
    return charge


def settle(
    charge: Charge, answer: Answer, timer: AttemptTimer | None, *, by: Actor, now: datetime
) -> Charge:
    """The processor's answer is applied to the charge, once, whichever caller brings it."""
    with transaction.atomic(durable=True):
        charge = settlement.settle(charge, answer, timer, by=by, now=now)
    killpoint("charge.after_settle")
    return charge


def _request_cancel(charge_id: UUID, by: Actor, now: datetime) -> Charge:
    """A charge that has no intent yet is canceled at once; one that waits for its cardholder is
    marked to be canceled; others are unchanged.
    """
    with transaction.atomic(durable=True):
        charge = locking.lock(charge_id)
        is_with_processor = charge.external_charge_id and charge.status != S.REQUIRES_ACTION
        if charge.status in OPEN and not is_with_processor:
            cancellation.request(charge, by=by, now=now)
        return charge


def _new(partner_id: UUID, new: NewCharge, by: Actor, now: datetime) -> Charge:
    return Charge(
        partner_id=partner_id,
        customer_id=new.customer_id,
        amount=new.amount,
        currency=new.currency,
        status=ChargeStatus.PENDING,
        use_wallet=new.use_wallet,
        card=new.payment_method,
        split_instructions=list(new.split_instructions),
        split_shares=splits.resolve(new.split_instructions, new.amount, new.currency),
        description=new.description,
        metadata=new.metadata,
        idempotency_key=new.idempotency_key,
        fingerprint=new.fingerprint,
        actor=by.name,
        created_at=now,
        updated_at=now,
    )


def _insert_pending(charge: Charge) -> None:
    recipients = [(charge.partner_id, share["recipient"]) for share in charge.split_shares]
    if recipients:
        deciding.check_recipients([charge], ledger.lock(recipients))
    charge.next_attempt_at = charge.created_at
    charge.save(force_insert=True)
    broker.nudge(RECOVER_TASK)


def _replay(
    partner_id: UUID, new: NewCharge, refusal: Exception, *, by: Actor, now: datetime
) -> Charge:
    """What the key made before, resumed; raises the refusal when it made nothing."""
    charge = idempotency.replayed(
        Charge.objects.filter(partner_id=partner_id),
        new.idempotency_key,
        new.fingerprint,
        refusal=refusal,
        constraint="charges_charge_idempotency_key",
    )
    is_due = charge.next_attempt_at is not None and charge.next_attempt_at <= now
    if charge.status in WITH_PROCESSOR and is_due:
        return collect(charge_id=charge.id, by=by, now=now)
    return charge


def _locked(charge_id: UUID) -> Charge | None:
    return queues.take(Charge.objects.filter(id=charge_id, status__in=OPEN))


def _may_ask(charge: Charge, now: datetime) -> bool:
    """Whether the locked charge is ours to ask about. One that is for an order may have to wait for
    its turn with the card; one that waits for its cardholder needs no turn.
    """
    is_asking = charge.is_for_order and charge.status != ChargeStatus.REQUIRES_ACTION
    if is_asking and not caps.take_turn(charge, now):
        return False
    return attempts.lease(charge, now + LEASE)


def _lease(find: Callable[[], Charge | None], now: datetime) -> Leased | None:
    """The charge that `find` locks is ours for a while, whatever becomes of us, or has to wait."""
    with transaction.atomic(durable=True):
        charge = find()
        return Leased(charge, _may_ask(charge, now)) if charge else None


def _resume(leased: Leased, now: datetime, *, by: Actor) -> Charge:
    """Decides about the leased charge unless that is done, then asks the processor."""
    charge, is_ours = leased
    killpoint("charge.after_claim")
    if is_ours and charge.status == ChargeStatus.PENDING:
        charge = _decide(charge, by, now)
    if not is_ours or charge.status not in WITH_PROCESSOR:
        return charge
    if charge.is_for_order and not hooks().wants(charge):
        charge = _withdraw(charge.id, by, now)
    return _ask_and_settle(charge, by=by, now=now) if charge.status in OPEN else charge


def _decide(leased: Charge, by: Actor, now: datetime) -> Charge:
    """The pending charge that we leased is claimed, unless somebody has ended or overtaken it."""
    with transaction.atomic(durable=True):
        charge = Charge.objects.select_for_update(of=("self",)).get(id=leased.id)
        # `attempts` is the fencing token of the lease: whoever leased it later has a higher one.
        if (charge.status, charge.attempts) == (ChargeStatus.PENDING, leased.attempts):
            collection.claim([charge], is_new=False, asks_processor=True, by=by, now=now)
        return charge


def _ask_and_settle(charge: Charge, *, by: Actor, now: datetime) -> Charge:
    """The leased charge went as far as the processor answers or, when too many are asking it, is
    left to a worker.
    """
    timer = AttemptTimer.of(charge, now)
    answer = converse(
        charge,
        lambda: processor.ask(charge, now),
        is_batch=charge.is_for_order,
        task=RECOVER_TASK,
        now=now,
    )
    return settle(charge, answer, timer, by=by, now=now) if answer else charge


def _withdraw(charge_id: UUID, by: Actor, now: datetime) -> Charge:
    """The leased charge that its order does not want any more is canceled, or about to be."""
    with transaction.atomic(durable=True):
        charge = locking.lock(charge_id)
        if charge.status in OPEN:
            cancellation.request(charge, by=by, now=now)
        return charge
