"""Doors: refunds, from the request to the outcome, and to a failure after it.

Three beats, as a charge's: claim (the amounts are reserved on the charge), call (the card's part),
settle (ledger, shares, event). A part that goes into the wallet alone settles with the claim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from charges import attempts, card_money, legs, locking
from charges.answers import Answer
from charges.attempts import LEASE, AttemptTimer
from charges.draining import drain
from charges.gateway.refunds import CardRefund
from charges.killpoints import killpoint
from charges.models import Charge, ChargeStatus, Origin, Refund, RefundStatus, RefundTo
from charges.processor import refunds as processor
from charges.services.conversations import converse
from charges.settlement import refunds as settlement
from foundation import idempotency, queues
from foundation.actors import Actor
from wallets import money
from wallets.models import LedgerEntry, Wallet
from wallets.rehearsal import rehearsal

REFUNDS_TASK = "charges.complete_refunds"


class ChargeNotRefundable(Exception):
    """Nothing was collected that could go back."""

    def __init__(self, status: str) -> None:
        super().__init__(f"The charge is {status}: there is nothing to give back.")


class ChargeDisputed(Exception):
    """The bank decides about the card's money."""

    def __init__(self) -> None:
        super().__init__("The charge is disputed: its card leg cannot be refunded meanwhile.")


class RefundExceedsCharge(Exception):
    """Carries minor units: what was asked for, and what is left of the legs it may come from."""

    def __init__(self, asked: int | None, left: int, currency: str) -> None:
        have = f"{money.with_code(left, currency)} of the charge can go back this way"
        want = f"{money.to_decimal(asked, currency)} was asked for, " if asked else ""
        super().__init__(f"{want}{have}.")


class RefundAmountUnsupported(Exception):
    def __init__(self, step: int, currency: str) -> None:
        super().__init__(f"Cards take {currency} in steps of {money.to_decimal(step, currency)}.")


class WalletRequired(Exception):
    def __init__(self, customer_id: str) -> None:
        super().__init__(f"Customer {customer_id} has no wallet to refund to.")


class CurrencyMismatch(Exception):
    def __init__(self, wallet: Wallet, currency: str) -> None:
        super().__init__(
            f"The wallet of customer {wallet.customer_id} is in {wallet.currency}, the charge in "
            f"{currency}."
        )


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A refund as asked for; `amount` in minor units, None for all that is left."""

    amount: int | None
    idempotency_key: str
    fingerprint: str
    refund_to: RefundTo = RefundTo.AUTO
    reason: str = ""
    origin: Origin = Origin.API


class Refunded(NamedTuple):
    refund: Refund
    is_replay: bool


def refund(*, charge_id: UUID, new: NewRefund, by: Actor, now: datetime) -> Refunded:
    """So much of the charge goes back, the card first, then the wallet; recipients of its split
    give back their part. A repeated key resumes what the first request began.

    Raises ChargeNotRefundable, ChargeDisputed, RefundExceedsCharge, RefundAmountUnsupported,
    WalletRequired, CurrencyMismatch, IdempotencyKeyReused.
    """
    try:
        claimed = _claim(charge_id, new, by, now)
    except (
        IntegrityError,
        ChargeNotRefundable,
        ChargeDisputed,
        RefundExceedsCharge,
        RefundAmountUnsupported,
        WalletRequired,
        CurrencyMismatch,
    ) as refusal:
        return Refunded(_replay(charge_id, new, refusal, by=by, now=now), is_replay=True)
    killpoint("refund.after_claim")
    if claimed.status == RefundStatus.PENDING:
        claimed = _ask_and_settle(claimed, by=by, now=now)
    return Refunded(claimed, is_replay=False)


def rehearse_refund(*, charge_id: UUID, new: NewRefund, now: datetime) -> list[LedgerEntry]:
    """The entries that the refund would post, once the card's part succeeded; nothing is kept.

    Raises what `refund` raises.
    """
    with rehearsal() as (by, entries):
        charge, reserved = _reserve(charge_id, new, by, now)
        if reserved.external_amount:
            settlement.succeed(charge, reserved, by=by, now=now)
    return entries


def complete_refund(*, refund_id: UUID, by: Actor, now: datetime) -> Refund:
    """Resume a pending refund, due or not. Others are returned unchanged."""
    leased = _lease(lambda: _locked(refund_id), now)
    return _resume(leased, now, by=by) if leased else Refund.objects.get(id=refund_id)


def complete_due_refunds(*, by: Actor) -> int:
    """Resume every pending refund that is due; returns how many there were."""
    return drain(Refund.objects.due, _lease_next, partial(_resume, by=by))


def unfinished_refunds() -> list[UUID]:
    """Ids of all pending refunds, whenever they are due."""
    rows = Refund.objects.filter(status=RefundStatus.PENDING).order_by("id")
    return list(rows.values_list("id", flat=True))


def settle(
    refund: Refund, answer: Answer, timer: AttemptTimer | None, *, by: Actor, now: datetime
) -> Refund:
    """The processor's answer is applied to the refund, once, whichever caller brings it."""
    with transaction.atomic(durable=True):
        refund = settlement.settle(refund, answer, timer, by=by, now=now)
    killpoint("refund.after_settle")
    return refund


def matching(card_refund: CardRefund) -> Refund | None:
    """Our refund that this one is, by its id there or, before that was stored, by ours."""
    known = Refund.objects.filter(external_refund_id=card_refund.id).first()
    try:
        return known or Refund.objects.filter(id=UUID(card_refund.refund_id)).first()
    except ValueError:
        return None


def _claim(charge_id: UUID, new: NewRefund, by: Actor, now: datetime) -> Refund:
    with transaction.atomic(durable=True):
        _, reserved = _reserve(charge_id, new, by, now)
        killpoint("refund.before_claim_commits")
        return reserved


def _reserve(charge_id: UUID, new: NewRefund, by: Actor, now: datetime) -> tuple[Charge, Refund]:
    """The locked charge and its new refund, which is over when the card has no part in it."""
    charge = locking.lock(charge_id)
    reserved = _new(charge, new, by, now)
    reserved.save(force_insert=True)
    settlement.reserve(charge, reserved, +1, now)
    if not reserved.external_amount:
        settlement.succeed(charge, reserved, by=by, now=now)
    return charge, reserved


def _new(charge: Charge, new: NewRefund, by: Actor, now: datetime) -> Refund:
    if charge.status != ChargeStatus.SUCCEEDED:
        raise ChargeNotRefundable(charge.status)
    parts = _divide(charge, new)
    amount = parts.card + parts.wallet
    return Refund(
        partner_id=charge.partner_id,
        charge=charge,
        amount=amount,
        currency=charge.currency,
        refund_to=new.refund_to,
        origin=new.origin,
        external_amount=parts.card,
        wallet_amount=parts.wallet,
        external_leg=parts.card_leg,
        wallet=_wallet(charge) if parts.wallet else None,
        reason=new.reason,
        status=RefundStatus.PENDING,
        attempts=1,
        next_attempt_at=now + LEASE,
        idempotency_key=new.idempotency_key,
        fingerprint=new.fingerprint,
        actor=by.name,
        created_at=now,
        updated_at=now,
    )


def _divide(charge: Charge, new: NewRefund) -> legs.Returns:
    card = charge.card_left
    wallet = charge.wallet_amount - charge.wallet_refunded
    allowed = 0 if charge.is_disputed else card
    left = allowed + (wallet if new.refund_to != RefundTo.CARD else 0)
    amount = new.amount or left
    if not 0 < amount <= left:
        if charge.is_disputed and amount <= left + card:
            raise ChargeDisputed
        raise RefundExceedsCharge(new.amount, left, charge.currency)
    parts = legs.divide_refund(
        amount,
        refund_to=new.refund_to,
        card_left=allowed,
        wallet_left=wallet,
        currency=charge.currency,
    )
    if parts is None or parts.card + parts.wallet != amount:
        raise RefundAmountUnsupported(card_money.step(charge.currency), charge.currency)
    return parts


def _wallet(charge: Charge) -> Wallet:
    """The customer's wallet, frozen or not. Raises WalletRequired, CurrencyMismatch."""
    rows = Wallet.objects.filter(partner_id=charge.partner_id, customer_id=charge.customer_id)
    wallet = rows.first()
    if wallet is None:
        raise WalletRequired(charge.customer_id)
    if wallet.currency != charge.currency:
        raise CurrencyMismatch(wallet, charge.currency)
    return wallet


def _replay(
    charge_id: UUID, new: NewRefund, refusal: Exception, *, by: Actor, now: datetime
) -> Refund:
    """What the key made before, resumed; raises the refusal when it made nothing."""
    partner_id = Charge.objects.values_list("partner_id", flat=True).get(id=charge_id)
    refund = idempotency.replayed(
        Refund.objects.filter(partner_id=partner_id),
        new.idempotency_key,
        new.fingerprint,
        refusal=refusal,
        constraint="charges_refund_idempotency_key",
    )
    is_due = refund.next_attempt_at is not None and refund.next_attempt_at <= now
    return complete_refund(refund_id=refund.id, by=by, now=now) if is_due else refund


def _locked(refund_id: UUID) -> Refund | None:
    return queues.take(Refund.objects.filter(id=refund_id, status=RefundStatus.PENDING))


def _lease_next(now: datetime) -> Refund | None:
    return _lease(lambda: queues.take_next(Refund.objects.due(now)), now)


def _lease(find: Callable[[], Refund | None], now: datetime) -> Refund | None:
    """The refund that `find` locks is ours for a while; left to staff if begun too often."""
    with transaction.atomic(durable=True):
        if row := find():
            attempts.lease(row, now + LEASE)
        return row


def _resume(leased: Refund, now: datetime, *, by: Actor) -> Refund:
    killpoint("refund.after_claim")
    return _ask_and_settle(leased, by=by, now=now) if leased.next_attempt_at else leased


def _ask_and_settle(refund: Refund, *, by: Actor, now: datetime) -> Refund:
    """The leased refund went as far as the processor answers or, when too many are asking it, is
    left to a worker.
    """
    timer = AttemptTimer.of(refund, now)
    answer = converse(refund, lambda: processor.ask(refund), task=REFUNDS_TASK, now=now)
    return settle(refund, answer, timer, by=by, now=now) if answer else refund
