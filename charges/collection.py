"""Steps of collecting charges, set-based: a single charge is a batch of one.

`claim` decides and writes the legs, `conclude` ends what waited for the card and tells whoever
ordered it. Both lock wallets, write the charges, post the ledger and publish the events, in the
caller's transaction and a fixed number of statements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from importlib import import_module
from types import ModuleType
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from charges import caps, legs
from charges.models import Charge, ChargeStatus, PaymentMethod
from charges.serializers import ChargeResource
from partners import rows
from partners.actors import Actor
from wallets import ledger, money
from wallets.ledger import Line, Posting, WalletKey
from wallets.models import Account, Kind, Wallet
from webhooks import events

Wallets = dict[WalletKey, Wallet]

LEASE = timedelta(seconds=90)
"""How long a claimed charge is left to whoever claimed it before a sweep goes on with it."""

DECIDED = [
    "status", "wallet_id", "wallet_available", "wallet_amount", "external_amount", "card",
    "attempts", "next_attempt_at", "failure_code", "failure_message", "updated_at", "decided_at",
    "succeeded_at", "failed_at",
]  # fmt: skip
CONCLUDED = [
    "status", "next_attempt_at", "needs_review", "client_secret", "failure_code",
    "failure_decline_code", "failure_advice_code", "failure_message", "retry_at", "no_retry",
    "updated_at", "succeeded_at", "failed_at", "canceled_at",
]  # fmt: skip
AWAITING = [
    "status", "next_attempt_at", "needs_review", "client_secret", "action_expires_at", "updated_at",
]  # fmt: skip


class Outlook(NamedTuple):
    """What follows a failure: when another charge tries again, or why none does."""

    retry_at: datetime | None
    no_retry: str = ""


class Failure(NamedTuple):
    """Why a charge failed before the processor was asked."""

    code: str
    message: str


SHORT = "insufficient_funds"
STOPPED = Failure(
    SHORT, "A hard decline stopped the card, which is not asked again, and no wallet covers it."
)
OUT_OF_TRIES = Failure(caps.CODE, caps.MESSAGE)
"""Cards that are spared: why a charge without another one fails."""


class UnknownRecipient(Exception):
    def __init__(self, recipient: str, currency: str) -> None:
        super().__init__(f"Recipient {recipient} has no {currency} wallet.")


def owner() -> ModuleType:
    """Who orders charges (settings.CHARGE_OWNER): has `lock(charge)`, before the charge is locked,
    `foresee(charge)`, the Outlook of one that fails, `moved(charge)` after it is written,
    `disputed(charge)` when its dispute opened or ended, `card_renewed(partner_id, card)` when a
    card that may have been stopped works again, and `outlook(charge)`, a sentence on what comes
    next."""
    return import_module(settings.CHARGE_OWNER)


def lock(charge_id: UUID) -> Charge:
    """The charge as it stands, locked, its owner's rows before it."""
    charge = Charge.objects.get(id=charge_id)
    if charge.is_owned:
        owner().lock(charge)
    return Charge.objects.select_for_update(of=("self",)).get(id=charge_id)


def claim(
    charges: Sequence[Charge],
    *,
    is_new: bool,
    is_attended: bool,
    refused_cards: Mapping[UUID, Collection[str]] | None = None,
    is_capped: bool = False,
    by: Actor,
    now: datetime,
) -> None:
    """Each pending charge is succeeded (the wallet covers it), processing (its wallet leg is held,
    the rest waits for the card) or failed; written, posted and published.

    `is_new` charges are inserted, others are rows locked by the caller. `is_attended` means that
    the caller asks the processor itself, now. `refused_cards` maps a charge to the cards that must
    not be asked again; `is_capped` leaves out those that were declined too often of late. Raises
    UnknownRecipient, and IntegrityError for a repeated key.
    """
    wallets = ledger.lock(wallet_keys(charges))
    check_recipients(charges, wallets)
    available = {wallet.id: wallet.available for wallet in wallets.values()}
    decide(
        charges, wallets, available, refused_cards=refused_cards or {}, is_capped=is_capped, now=now
    )
    for charge in charges:
        if charge.status == ChargeStatus.PROCESSING:
            charge.attempts = 1 if is_attended else 0
            charge.next_attempt_at = now + LEASE if is_attended else now
    if is_new:
        rows.insert(charges)
    elif rows.update(charges, DECIDED, where="t.status = 'pending'") != len(charges):
        raise RuntimeError("a claimed charge is locked and pending")
    held = [c for c in charges if c.status == ChargeStatus.PROCESSING]
    _finish(charges, wallets, _holds(held, wallets, +1), by=by, now=now)


def decide(
    charges: Sequence[Charge],
    wallets: Wallets,
    available: dict[UUID, int],
    *,
    refused_cards: Mapping[UUID, Collection[str]],
    is_capped: bool,
    now: datetime,
) -> None:
    """Each pending charge has its card, its legs and its next state, in memory only.

    `available` is what each wallet has left, by its id, and goes down as the charges take from it.
    """
    short = _short(charges, wallets)
    capped = caps.used_up(short, now) if is_capped else {}
    _choose_cards(charges, short, refused_cards, capped)
    for charge in charges:
        spared = STOPPED if refused_cards.get(charge.id) else None
        if (charge.partner_id, charge.customer_id) in capped:
            spared = OUT_OF_TRIES
        _decide(charge, wallets, available, spared=spared, now=now)


def wallet_keys(charges: Iterable[Charge]) -> Iterable[WalletKey]:
    """Whose wallets the charges take from and give to."""
    for charge in charges:
        yield charge.partner_id, charge.customer_id
        for share in charge.split_shares:
            yield charge.partner_id, share["recipient"]


def conclude(charge: Charge, *, by: Actor, now: datetime) -> None:
    """A charge that waited is what the caller made it, succeeded, failed or canceled: its hold is
    captured or released. The caller has locked the row (and its owner's) before.
    """
    wallets = ledger.lock(wallet_keys([charge]))
    charge.next_attempt_at, charge.needs_review, charge.updated_at = None, "", now
    charge.client_secret = ""
    if charge.is_owned and charge.status == ChargeStatus.FAILED:
        charge.retry_at, charge.no_retry = owner().foresee(charge)
    rows.update([charge], CONCLUDED)
    _finish([charge], wallets, _holds([charge], wallets, -1), by=by, now=now)
    if charge.is_owned:
        owner().moved(charge, by=by, now=now)


def succeed(charge: Charge, now: datetime) -> None:
    charge.status, charge.succeeded_at, charge.updated_at = ChargeStatus.SUCCEEDED, now, now
    charge.failure_code = charge.failure_decline_code = charge.failure_message = ""


def fail(
    charge: Charge,
    now: datetime,
    *,
    code: str,
    message: str,
    decline_code: str = "",
    advice_code: str = "",
) -> None:
    charge.status, charge.failed_at, charge.updated_at = ChargeStatus.FAILED, now, now
    charge.failure_code, charge.failure_message = code[:64], message[:500]
    charge.failure_decline_code = decline_code[:64]
    charge.failure_advice_code = advice_code[:64]


def cancel(charge: Charge, now: datetime) -> None:
    charge.status, charge.canceled_at, charge.updated_at = ChargeStatus.CANCELED, now, now


def await_action(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The charge that the caller has locked waits for its cardholder, its wallet leg still held."""
    charge.status, charge.needs_review, charge.updated_at = ChargeStatus.REQUIRES_ACTION, "", now
    rows.update([charge], AWAITING)
    events.publish([fact(charge)], by=by, now=now)


def check_recipients(charges: Iterable[Charge], wallets: Wallets) -> None:
    """Raises UnknownRecipient unless every recipient has a wallet in the charge's currency."""
    for charge in charges:
        for share in charge.split_shares:
            wallet = wallets.get((charge.partner_id, share["recipient"]))
            if wallet is None or wallet.currency != charge.currency:
                raise UnknownRecipient(share["recipient"], charge.currency)


def _choose_cards(
    charges: Sequence[Charge],
    short: Collection[WalletKey],
    refused: Mapping[UUID, Collection[str]],
    capped: Mapping[WalletKey, Collection[str]],
) -> None:
    """The card as asked for, or the customer's default; never one that must not be asked."""

    def barred(charge: Charge) -> set[str]:
        key = (charge.partner_id, charge.customer_id)
        return {*refused.get(charge.id, ()), *capped.get(key, ())}

    for charge in charges:
        if charge.card in barred(charge):
            charge.card = ""
    without = [charge for charge in charges if not charge.card]
    defaults = _default_cards({(c.partner_id, c.customer_id) for c in without}.intersection(short))
    for charge in without:
        default = defaults.get((charge.partner_id, charge.customer_id), "")
        charge.card = "" if default in barred(charge) else default


def _short(charges: Sequence[Charge], wallets: Wallets) -> set[WalletKey]:
    """Customers whose wallet may not cover what is asked of it."""
    asked: Counter[WalletKey] = Counter()
    for charge in charges:
        asked[charge.partner_id, charge.customer_id] += charge.amount
    return {key for key, total in asked.items() if not _covers(wallets.get(key), total)}


def _default_cards(without: Collection[WalletKey]) -> dict[WalletKey, str]:
    if not without:
        return {}
    partners, customers = zip(*without, strict=True)
    found = PaymentMethod.objects.filter(
        Q(partner_id__in=set(partners), customer_id__in=customers), is_default=True
    )
    return {(card.partner_id, card.customer_id): card.external_id for card in found}


def _covers(wallet: Wallet | None, amount: int) -> bool:
    return wallet is not None and wallet.is_active and wallet.available >= amount


def _decide(
    charge: Charge,
    wallets: Wallets,
    available: dict[UUID, int],
    *,
    spared: Failure | None,
    now: datetime,
) -> None:
    wallet = _usable(charge, wallets)
    have = available[wallet.id] if wallet else 0
    divided = legs.divide(
        charge.amount, available=have, currency=charge.currency, has_card=bool(charge.card)
    )
    charge.next_attempt_at, charge.updated_at, charge.decided_at = None, now, now
    charge.wallet_available = have if wallet else None
    if divided is None:
        has_no_card = spared if not charge.card else None
        code, message = has_no_card or Failure(SHORT, _shortage(charge, wallet))
        fail(charge, now, code=code, message=message)
        return
    charge.wallet_amount, charge.external_amount = divided
    charge.wallet = wallet if divided.wallet else None
    if wallet:
        available[wallet.id] -= divided.wallet
    if divided.card:
        charge.status = ChargeStatus.PROCESSING
        return
    succeed(charge, now)
    for share in charge.split_shares:
        available[wallets[charge.partner_id, share["recipient"]].id] += share["amount"]


def _usable(charge: Charge, wallets: Wallets) -> Wallet | None:
    wallet = wallets.get((charge.partner_id, charge.customer_id))
    is_usable = wallet and charge.use_wallet and wallet.is_active
    return wallet if wallet and is_usable and wallet.currency == charge.currency else None


def _shortage(charge: Charge, wallet: Wallet | None) -> str:
    if charge.card:
        step = money.spoken(legs.card_step(charge.currency), charge.currency)
        return f"The card takes steps of {step}, and no wallet covers what is between them."
    if wallet is None:
        return "There is no usable wallet and no card."
    return "The wallet does not cover the amount and there is no card."


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
    events.publish([fact(c) for c in charges if c.is_terminal], by=by, now=now)


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


def fact(charge: Charge, type: str | None = None) -> events.Fact:  # noqa: A002 -- as in events
    """What happened to the charge: its state, unless it is said otherwise."""
    return events.Fact(
        partner_id=charge.partner_id,
        type=type or f"charge.{charge.status}",
        resource_id=charge.id,
        data=ChargeResource.render(charge),
    )
