"""Doors: adjustments, for what no rule covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from foundation.actors import Actor
from wallets import ledger, money
from wallets.ledger import Line, Posting
from wallets.models import Account, Kind, LedgerEntry, LedgerTransaction, Wallet
from wallets.rehearsal import rehearsal
from wallets.services.movements import (
    InsufficientFunds,
    WalletInactive,
    WalletNotFound,
    check_debit,
    name_reference,
    publish_movement,
)


class WalletCurrencyDiffers(Exception):
    def __init__(self, wallet: Wallet, currency: str) -> None:
        super().__init__(
            f"The wallet of customer {wallet.customer_id} is in {wallet.currency}, not {currency}."
        )


class SameAccount(Exception):
    def __init__(self) -> None:
        super().__init__("An adjustment moves between two accounts, of one customer at most.")


class OwedLess(Exception):
    """Carries minor units: what is to be paid off, and what the customer owes."""

    def __init__(self, wallet: Wallet, amount: int) -> None:
        owed = money.with_code(wallet.receivable, wallet.currency)
        asked = money.with_code(amount, wallet.currency)
        super().__init__(f"Customer {wallet.customer_id} owes {owed}, less than {asked}.")


OF_CUSTOMERS = (Account.WALLET, Account.RECEIVABLE)
"""Accounts that name a customer, by their wallet."""


@dataclass(frozen=True, slots=True)
class Side:
    """One account of an adjustment; of one OF_CUSTOMERS with the customer whose it is."""

    account: Account
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Adjustment:
    """So much (minor units of `currency`) of one account of a partner belongs to another."""

    currency: str
    amount: int
    source: Side
    target: Side
    description: str
    idempotency_key: str
    reference: str | None = None


def adjust(*, partner_id: UUID, adjustment: Adjustment, by: Actor, now: datetime) -> UUID:
    """The amount is posted from one account to another, once for the key, for what no rule covers;
    returns the ledger transaction. A wallet keeps its rules, and its partner is told of it as of
    a credit or debit.

    Raises SameAccount, WalletNotFound, WalletCurrencyDiffers, WalletInactive, InsufficientFunds,
    OwedLess, ReferenceExists.
    """
    try:
        with transaction.atomic(durable=True):
            return _adjust(partner_id, adjustment, by, now)
    except (IntegrityError, WalletInactive, InsufficientFunds, OwedLess) as error:
        posted = LedgerTransaction.objects.filter(
            partner_id=partner_id,
            kind=Kind.ADJUSTMENT,
            idempotency_key=adjustment.idempotency_key,
        )
        if done := posted.first():
            return done.id
        name_reference(error, adjustment.reference)
        raise


def rehearse_adjustment(
    *, partner_id: UUID, adjustment: Adjustment, now: datetime
) -> list[LedgerEntry]:
    """The entries that it would post now; nothing is kept. Raises what `adjust` raises."""
    try:
        with rehearsal() as (by, entries):
            _adjust(partner_id, adjustment, by, now)
    except IntegrityError as error:
        name_reference(error, adjustment.reference)
        raise
    return entries


def _adjust(partner_id: UUID, adjustment: Adjustment, by: Actor, now: datetime) -> UUID:
    source, target = adjustment.source, adjustment.target
    if source.account == target.account:
        raise SameAccount
    wallet = _wallet_of(partner_id, adjustment)
    if wallet and source.account == Account.WALLET:
        check_debit(wallet, adjustment.amount)
    if wallet and target.account == Account.RECEIVABLE and adjustment.amount > wallet.receivable:
        raise OwedLess(wallet, adjustment.amount)
    posting = Posting(
        partner_id=partner_id,
        kind=Kind.ADJUSTMENT,
        currency=adjustment.currency,
        lines=[
            _line(source, -adjustment.amount, wallet),
            _line(target, adjustment.amount, wallet),
        ],
        description=adjustment.description,
        reference=adjustment.reference,
        idempotency_key=adjustment.idempotency_key,
    )
    ledger.post([posting], by=by, now=now)
    if wallet and Account.WALLET in (source.account, target.account):
        publish_movement(wallet, is_credit=target.account == Account.WALLET, by=by, now=now)
    return posting.id


def _line(side: Side, amount: int, wallet: Wallet | None) -> Line:
    return Line(side.account, amount, wallet if side.account in OF_CUSTOMERS else None)


def _wallet_of(partner_id: UUID, adjustment: Adjustment) -> Wallet | None:
    """The locked wallet of the customer that a side names. Raises SameAccount, WalletNotFound,
    WalletCurrencyDiffers.
    """
    sides = (adjustment.source, adjustment.target)
    named = {side.customer_id for side in sides if side.account in OF_CUSTOMERS}
    if not named:
        return None
    if len(named) > 1:
        raise SameAccount
    (customer_id,) = named
    wallet = ledger.lock([(partner_id, customer_id)]).get((partner_id, customer_id))
    if wallet is None:
        raise WalletNotFound(customer_id)
    if wallet.currency != adjustment.currency:
        raise WalletCurrencyDiffers(wallet, adjustment.currency)
    return wallet
