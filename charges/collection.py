"""Steps of collecting charges, set-based: a single charge is a batch of one.

`claim` decides and writes the legs, `conclude` ends what waited for the card and tells whoever
ordered it. Both lock wallets, write the charges, post the ledger and publish the events, in the
caller's transaction and a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from charges import deciding, facts, filing
from charges.attempts import LEASE
from charges.deciding import Wallets
from charges.hooks import hooks
from charges.models import Charge, ChargeStatus
from foundation import rows, states
from foundation.actors import Actor
from wallets import ledger
from wallets.ledger import Line, Posting
from wallets.models import Account, Kind, Wallet
from webhooks import events

DECIDED = [
    "status",
    "wallet_id",
    "wallet_available",
    "wallet_amount",
    "external_amount",
    "card",
    "attempts",
    "next_attempt_at",
    "failure_code",
    "failure_message",
    "updated_at",
    "decided_at",
    "succeeded_at",
    "failed_at",
]
CONCLUDED = [
    "status",
    "next_attempt_at",
    "needs_review",
    "client_secret",
    "failure_code",
    "failure_decline_code",
    "failure_advice_code",
    "failure_message",
    "retry_at",
    "no_retry",
    "updated_at",
    "succeeded_at",
    "failed_at",
    "canceled_at",
]
AWAITING = [
    "status",
    "next_attempt_at",
    "needs_review",
    "client_secret",
    "action_expires_at",
    "updated_at",
]


def claim(
    charges: Sequence[Charge],
    *,
    is_new: bool,
    asks_processor: bool,
    is_capped: bool = False,
    by: Actor,
    now: datetime,
) -> None:
    """Each pending charge succeeds (the wallet covers it), is processing (its wallet leg is held,
    the rest waits for the card) or fails; it is written, posted and published.

    `is_new` charges are inserted, others are rows locked by the caller. `asks_processor` means that
    the caller does so itself, now: that is the first attempt, leased. `is_capped` leaves out cards
    that a hard decline stopped, or that were declined too often of late. Raises UnknownRecipient,
    and IntegrityError for a repeated key.
    """
    wallets = ledger.lock(deciding.wallet_keys(charges))
    deciding.check_recipients(charges, wallets)
    available = {wallet.id: wallet.available for wallet in wallets.values()}
    deciding.decide(charges, wallets, available, is_capped=is_capped, now=now)
    for charge in charges:
        if charge.status == ChargeStatus.PROCESSING:
            charge.attempts = max(charge.attempts, 1) if asks_processor else 0
            charge.next_attempt_at = now + LEASE if asks_processor else now
    if is_new:
        rows.insert(charges)
    else:
        states.transition(charges, DECIDED)
    held = [c for c in charges if c.status == ChargeStatus.PROCESSING]
    _finish(charges, wallets, _holds(held, wallets, +1), by=by, now=now)


def conclude(charge: Charge, *, by: Actor, now: datetime) -> None:
    """A charge that waited is what the caller made it, succeeded, failed or canceled: its hold is
    captured or released. The caller has locked the row (and its order's) before.
    """
    wallets = ledger.lock(deciding.wallet_keys([charge]))
    charge.next_attempt_at, charge.needs_review, charge.updated_at = None, "", now
    charge.client_secret = ""
    if charge.is_for_order and charge.status == ChargeStatus.FAILED:
        charge.retry_at, charge.no_retry = hooks().failure_outlook(charge)
    states.transition([charge], CONCLUDED)
    _finish([charge], wallets, _holds([charge], wallets, -1), by=by, now=now)
    if charge.is_for_order:
        hooks().charge_moved(charge, by=by, now=now)
    if charge.card and charge.status == ChargeStatus.FAILED:
        filing.block_declined_card(charge, by=by, now=now)


def await_action(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The charge that the caller has locked waits for its cardholder, its wallet leg still held."""
    charge.status, charge.needs_review, charge.updated_at = ChargeStatus.REQUIRES_ACTION, "", now
    states.transition([charge], AWAITING)
    events.publish([facts.of_charge(charge)], by=by, now=now)


def _holds(
    charges: Iterable[Charge], wallets: Wallets, sign: int
) -> dict[UUID, tuple[Wallet, int]]:
    holds: dict[UUID, tuple[Wallet, int]] = {}
    for charge in charges:
        if charge.wallet_amount:
            wallet = wallets[charge.partner_id, charge.customer_id]
            _, so_far = holds.get(wallet.id, (wallet, 0))
            holds[wallet.id] = (wallet, so_far + sign * charge.wallet_amount)
    return holds


def _finish(
    charges: Sequence[Charge],
    wallets: Wallets,
    holds: Mapping[UUID, tuple[Wallet, int]],
    *,
    by: Actor,
    now: datetime,
) -> None:
    postings = [_posting(c, wallets) for c in charges if c.status == ChargeStatus.SUCCEEDED]
    if postings or holds:
        ledger.post(postings, holds=holds, by=by, now=now)
    events.publish([facts.of_charge(c) for c in charges if c.is_terminal], by=by, now=now)


def _posting(charge: Charge, wallets: Wallets) -> Posting:
    lines = []
    if charge.wallet_amount:
        payer = wallets[charge.partner_id, charge.customer_id]
        lines.append(Line(Account.WALLET, -charge.wallet_amount, payer))
    if charge.external_amount:
        lines.append(Line(Account.CARD, -charge.external_amount))
    shares = [share for share in charge.split_shares if share["amount"]]
    for share in shares:
        recipient = wallets[charge.partner_id, share["recipient"]]
        lines.append(Line(Account.WALLET, share["amount"], recipient))
    if charge.late_fee:
        lines.append(Line(Account.LATE_FEE, charge.late_fee))
    if revenue := charge.revenue:
        lines.append(Line(Account.REVENUE, revenue))
    return Posting(
        partner_id=charge.partner_id,
        kind=Kind.CHARGE,
        currency=charge.currency,
        lines=lines,
        description=charge.description,
        charge_id=charge.id,
    )
