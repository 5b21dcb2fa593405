"""Doors: charges and cards.

A charge is collected in three beats: claim, call, settle. No transaction is open across a call,
and whoever comes first settles, once: the request, a sweep, an operator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from charges import backoff, cards, collection, gateway, splits
from charges.cards import PaymentMethodNotFound
from charges.collection import LEASE, UnknownRecipient
from charges.gateway import Intent
from charges.killpoints import killpoint
from charges.models import OPEN, WITH_PROCESSOR, Charge, ChargeStatus, PaymentMethod
from charges.splits import Instruction, SplitExceedsAmount
from partners import broker, idempotency
from partners.actors import Actor
from partners.constraints import violated
from wallets import ledger

RECOVER_TASK = "charges.recover"
PARALLEL = 8
MAX_BROKEN = 5

logger = structlog.get_logger(__name__)


class PaymentMethodDeclined(Exception):
    """The card could not be saved; the message is the processor's."""


class ProcessorAway(Exception):
    """The processor does not answer; nothing was changed that a retry would double."""

    def __init__(self) -> None:
        super().__init__("The card processor does not answer. Retry later.")


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


class Created(NamedTuple):
    charge: Charge
    is_replay: bool


def create(
    *, partner_id: UUID, new: NewCharge, is_async: bool = False, by: Actor, now: datetime
) -> Created:
    """The charge exists under its key and, unless `is_async`, is collected as far as the processor
    answers. A repeated key goes on from where the first request stopped.

    Raises SplitExceedsAmount, UnknownRecipient, PaymentMethodNotFound, IdempotencyKeyReused.
    """
    try:
        charge = _new(partner_id, new, by, now)
        with transaction.atomic(durable=True):
            cards.check(partner_id, new.customer_id, new.payment_method)
            if is_async:
                _insert_pending(charge)
            else:
                collection.claim([charge], is_new=True, is_attended=True, by=by, now=now)
            killpoint("charge.before_claim_commits")
    except (IntegrityError, SplitExceedsAmount, UnknownRecipient, PaymentMethodNotFound) as error:
        return Created(_replay(partner_id, new, error, by=by, now=now), is_replay=True)
    killpoint("charge.after_claim")
    if charge.status == ChargeStatus.PROCESSING:
        charge = _ask_processor(charge, by=by, now=now)
    return Created(charge, is_replay=False)


def collect(*, charge_id: UUID, by: Actor, now: datetime) -> Charge:
    """The open charge has gone on from where it stopped, whenever it was due; others stay."""
    return _go_on(lambda: _locked(charge_id), by=by, now=now) or Charge.objects.get(id=charge_id)


def collect_due(*, by: Actor) -> int:
    """Every open charge that is due has gone on from where it stopped; returns how many did.

    Any number may run at once: charges are claimed one by one with SKIP LOCKED.
    """
    with ThreadPoolExecutor(PARALLEL) as pool:
        return sum(pool.map(lambda _: _drain(by), range(PARALLEL)))


def unfinished() -> list[UUID]:
    """Ids of all open charges, whenever they are due."""
    return list(Charge.objects.filter(status__in=OPEN).order_by("id").values_list("id", flat=True))


def attach_payment_method(
    *, partner_id: UUID, customer_id: str, payment_method: str, is_default: bool, now: datetime
) -> PaymentMethod:
    """The customer has the card, as the default when asked. Attaching it again changes no more.

    Raises PaymentMethodNotFound, PaymentMethodDeclined, ProcessorAway.
    """
    cards.check(partner_id, customer_id, payment_method)
    customer = cards.customer_of(partner_id, customer_id)
    try:
        customer = customer or gateway.create_customer(
            partner_id=str(partner_id), customer_id=customer_id
        )
        card = gateway.attach(payment_method, customer=customer)
    except gateway.Refused as refusal:
        if refusal.code == "resource_missing":
            raise PaymentMethodNotFound(payment_method) from refusal
        raise PaymentMethodDeclined(refusal.message) from refusal
    except (gateway.NotExecuted, gateway.OutcomeUnknown) as error:
        raise ProcessorAway from error
    with transaction.atomic(durable=True):
        return cards.save(partner_id, customer_id, customer, card, is_default=is_default, now=now)


def detach_payment_method(*, payment_method: PaymentMethod, now: datetime) -> None:
    """The card is charged no more, here and at the processor. Raises ProcessorAway."""
    with transaction.atomic(durable=True):
        PaymentMethod.objects.filter(id=payment_method.id).update(detached_at=now, is_default=False)
    try:
        gateway.detach(payment_method.external_id)
    except (gateway.NotExecuted, gateway.OutcomeUnknown) as error:
        raise ProcessorAway from error


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
        collection.check_recipients([charge], ledger.lock(recipients))
    charge.next_attempt_at = charge.created_at
    charge.save(force_insert=True)
    broker.nudge(RECOVER_TASK)


def _replay(
    partner_id: UUID, new: NewCharge, error: Exception, *, by: Actor, now: datetime
) -> Charge:
    """What the key made before, gone on with; raises the error when it made nothing."""
    made = Charge.objects.filter(partner_id=partner_id, idempotency_key=new.idempotency_key).first()
    if made is None or (
        isinstance(error, IntegrityError) and violated(error) != "charges_charge_idempotency_key"
    ):
        raise error
    idempotency.check(made.fingerprint, new.fingerprint)
    is_abandoned = made.next_attempt_at is not None and made.next_attempt_at <= now
    if made.status == ChargeStatus.UNKNOWN or (
        made.status == ChargeStatus.PROCESSING and is_abandoned
    ):
        return collect(charge_id=made.id, by=by, now=now)
    return made


def _locked(charge_id: UUID) -> Charge | None:
    rows = Charge.objects.select_for_update(of=("self",), skip_locked=True)
    return rows.filter(id=charge_id, status__in=OPEN).first()


def _next_due(now: datetime) -> Charge | None:
    rows = Charge.objects.due(now).select_for_update(of=("self",), skip_locked=True)
    return rows.order_by("next_attempt_at", "id").first()


def _drain(by: Actor) -> int:
    """Goes on through what is due. A charge that breaks the run is logged and left to its lease."""
    done = broken = 0
    try:
        while broken < MAX_BROKEN:
            try:
                if _collect_next(by, timezone.now()) is None:
                    break
                done += 1
            except Exception:
                logger.exception("charge.broke_the_run")
                broken += 1
        return done
    finally:
        connection.close()


def _collect_next(by: Actor, now: datetime) -> Charge | None:
    return _go_on(lambda: _next_due(now), by=by, now=now)


def _go_on(take: Callable[[], Charge | None], *, by: Actor, now: datetime) -> Charge | None:
    """Claims or leases the charge that `take` locks, then asks the processor."""
    with transaction.atomic(durable=True):
        charge = take()
        if charge is None:
            return None
        if charge.status == ChargeStatus.PENDING:
            collection.claim([charge], is_new=False, is_attended=True, by=by, now=now)
        elif charge.status in WITH_PROCESSOR:
            _lease(charge, now)
    killpoint("charge.after_claim")
    is_ours = charge.status in WITH_PROCESSOR and charge.attempts <= backoff.MAX_ATTEMPTS
    return _ask_processor(charge, by=by, now=now) if is_ours else charge


def _lease(charge: Charge, now: datetime) -> None:
    """The charge is ours until the lease ends; one that ends no lease is left to staff."""
    charge.attempts += 1
    charge.next_attempt_at = now + LEASE
    if charge.attempts > backoff.MAX_ATTEMPTS:
        charge.needs_review = charge.needs_review or "Begun too often without an end."
        charge.next_attempt_at = None
    charge.save(update_fields=["attempts", "next_attempt_at", "needs_review"])


def _ask_processor(charge: Charge, *, by: Actor, now: datetime) -> Charge:
    """The second beat and what follows from its answer."""
    try:
        intent = _confirmed(charge)
        killpoint("charge.after_confirm")
    except gateway.Refused as refusal:
        return _settle(charge, _refused(charge, refusal), by=by, now=now)
    except gateway.NotExecuted as error:
        return _park(charge, ChargeStatus(charge.status), backoff.NOT_EXECUTED, str(error), now)
    except gateway.NotUnderstood as error:
        return _park(
            charge, ChargeStatus.UNKNOWN, backoff.UNKNOWN, str(error), now, review=str(error)
        )
    except gateway.OutcomeUnknown as error:
        return _park(charge, ChargeStatus.UNKNOWN, backoff.UNKNOWN, str(error), now)
    if difference := _difference(charge, intent):
        return _park(charge, ChargeStatus.UNKNOWN, [], difference, now, review=difference)
    return _settle(charge, intent, by=by, now=now)


def _confirmed(charge: Charge) -> Intent:
    """The charge's one intent, as far as it goes: created, stored, confirmed."""
    if charge.external_charge_id:
        intent = gateway.retrieve(charge)
    else:
        intent = gateway.create(charge, customer=cards.external_customer_of(charge))
        killpoint("charge.after_create")
        if not _difference(charge, intent):
            _store_intent(charge, intent.id)
            killpoint("charge.after_intent_stored")
    is_ours = intent.id == charge.external_charge_id and not _difference(charge, intent)
    if is_ours and intent.status == "requires_confirmation":
        return gateway.confirm(charge)
    return intent


def _store_intent(charge: Charge, intent_id: str) -> None:
    """The charge has this intent, unless another came first: then it has that one."""
    Charge.objects.filter(id=charge.id, external_charge_id=None).update(
        external_charge_id=intent_id
    )
    charge.refresh_from_db(fields=["external_charge_id"])


def _difference(charge: Charge, intent: Intent) -> str:
    """What the intent says otherwise than the charge; empty when they agree."""
    ours = (charge.external_amount, charge.currency, str(charge.id))
    theirs = (intent.amount, intent.currency, intent.charge_id)
    return "" if ours == theirs else f"The processor says {theirs}, we asked for {ours}."


def _refused(charge: Charge, refusal: gateway.Refused) -> Intent:
    return Intent(
        id=charge.external_charge_id or "",
        status="canceled",
        amount=charge.external_amount,
        currency=charge.currency,
        charge_id=str(charge.id),
        failure_code=refusal.code,
        failure_message=refusal.message,
    )


def _settle(charge: Charge, intent: Intent, *, by: Actor, now: datetime) -> Charge:
    """The third beat, once: capture or release, ledger, shares, state, event, owner.

    An answer about another intent than the stored one, or about none, decides nothing once
    another worker has stored its own: that worker settles.
    """
    if intent.status not in gateway.FINAL:
        return _park(charge, ChargeStatus.UNKNOWN, backoff.UNKNOWN, intent.status, now)
    with transaction.atomic(durable=True):
        if charge.installment_id:
            collection.owner().lock(charge)
        charge = Charge.objects.select_for_update(of=("self",)).get(id=charge.id)
        is_about_another = (charge.external_charge_id or "") != intent.id
        if charge.status not in WITH_PROCESSOR or is_about_another:
            return charge
        if intent.status == "succeeded":
            collection.succeed(charge, now)
        else:
            collection.fail(
                charge,
                now,
                code=intent.failure_code or "canceled",
                decline_code=intent.failure_decline_code,
                message=intent.failure_message or "The processor canceled the payment.",
            )
        collection.conclude(charge, by=by, now=now)
        killpoint("charge.before_settle_commits")
    killpoint("charge.after_settle")
    return charge


def _park(
    charge: Charge,
    to: ChargeStatus,
    ladder: list[timedelta],
    reason: str,
    now: datetime,
    *,
    review: str = "",
) -> Charge:
    """The charge waits: its attempt has no outcome. At the end of the ladder staff look at it."""
    wait = backoff.wait(ladder, charge.attempts)
    if wait is None:
        review = review or f"Asked {charge.attempts} times without an outcome: {reason}"
    with transaction.atomic(durable=True):
        Charge.objects.filter(id=charge.id).move(
            to,
            next_attempt_at=now + wait if wait else None,
            needs_review=review[:300],
            updated_at=now,
        )
    logger.warning("charge.parked", charge=str(charge.id), status=to, reason=reason)
    charge.refresh_from_db()
    return charge
