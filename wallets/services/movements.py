"""Doors: wallets, credits and debits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from foundation import idempotency
from foundation.actors import Actor
from foundation.constraints import violated
from wallets import ledger, money
from wallets.hooks import wallet_credited
from wallets.ledger import Line, Posting
from wallets.models import Account, Kind, LedgerEntry, LedgerTransaction, Wallet
from wallets.rehearsal import rehearsal
from wallets.serializers import WalletResource
from webhooks import events


class WalletExists(Exception):
    def __init__(self, customer_id: str) -> None:
        super().__init__(f"Customer {customer_id} has a wallet.")


class WalletNotFound(Exception):
    def __init__(self, customer_id: str) -> None:
        super().__init__(f"Customer {customer_id} has no wallet.")


class WalletInactive(Exception):
    def __init__(self, customer_id: str) -> None:
        super().__init__(f"The wallet of customer {customer_id} is frozen.")


class InsufficientFunds(Exception):
    """Carries minor units: what was asked for and what is available."""

    def __init__(self, wallet: Wallet, amount: int) -> None:
        have = money.to_decimal(wallet.available, wallet.currency)
        want = money.to_decimal(amount, wallet.currency)
        super().__init__(f"{want} {wallet.currency} was asked for, {have} is available.")


class ReferenceExists(Exception):
    def __init__(self, reference: str | None) -> None:
        super().__init__(f"A ledger transaction with the reference {reference!r} exists.")


@dataclass(frozen=True, slots=True)
class Movement:
    """A credit or debit as asked for, in minor units of the wallet's currency."""

    customer_id: str
    amount: int
    idempotency_key: str | None
    fingerprint: str
    description: str = ""
    reference: str | None = None


class Moved(NamedTuple):
    entry: LedgerEntry
    is_replay: bool


def create_wallet(*, partner_id: UUID, customer_id: str, currency: str, now: datetime) -> Wallet:
    """The customer has an empty, active wallet. Raises WalletExists."""
    try:
        with transaction.atomic(durable=True):
            return Wallet.objects.create(
                partner_id=partner_id,
                customer_id=customer_id,
                currency=currency,
                created_at=now,
                updated_at=now,
            )
    except IntegrityError as error:
        if violated(error) == "wallets_wallet_one_per_customer":
            raise WalletExists(customer_id) from error
        raise


def set_active(*, wallet: Wallet, is_active: bool, now: datetime) -> Wallet:
    """A frozen wallet takes no debit and funds no charge; money may still come in."""
    with transaction.atomic(durable=True):
        Wallet.objects.filter(id=wallet.id).update(is_active=is_active, updated_at=now)
    wallet.refresh_from_db()
    return wallet


def credit(*, partner_id: UUID, movement: Movement, by: Actor, now: datetime) -> Moved:
    """The wallet has the amount more, from the partner's funding; `wallet.credited` is published,
    and after the commit the wallet_credited hook is called (wallets/hooks.py).

    Raises WalletNotFound, ReferenceExists, IdempotencyKeyReused.
    """
    return _move(partner_id, movement, Kind.CREDIT, by=by, now=now)


def debit(*, partner_id: UUID, movement: Movement, by: Actor, now: datetime) -> Moved:
    """The wallet has the amount less, to the partner's payout; `wallet.debited` is published.

    Raises WalletNotFound, WalletInactive, InsufficientFunds, ReferenceExists,
    IdempotencyKeyReused.
    """
    return _move(partner_id, movement, Kind.DEBIT, by=by, now=now)


def rehearse(
    *, partner_id: UUID, movement: Movement, kind: Kind, now: datetime
) -> list[LedgerEntry]:
    """The entries that the credit or debit would post now; nothing is kept.

    Raises WalletNotFound, WalletInactive, InsufficientFunds, ReferenceExists.
    """
    try:
        with rehearsal() as (by, entries):
            _post(partner_id, movement, kind, by, now)
    except IntegrityError as error:
        name_reference(error, movement.reference)
        raise
    return entries


def _move(partner_id: UUID, movement: Movement, kind: Kind, *, by: Actor, now: datetime) -> Moved:
    try:
        with transaction.atomic(durable=True):
            return Moved(_post(partner_id, movement, kind, by, now), is_replay=False)
    except (IntegrityError, WalletInactive, InsufficientFunds) as error:
        if replayed := _replay(partner_id, movement, kind):
            return Moved(replayed, is_replay=True)
        name_reference(error, movement.reference)
        raise


def name_reference(error: Exception, reference: str | None) -> None:
    """Raises ReferenceExists where that is what the database refused."""
    if violated(error) == "wallets_ledgertransaction_reference":
        raise ReferenceExists(reference) from error


def _post(
    partner_id: UUID, movement: Movement, kind: Kind, by: Actor, now: datetime
) -> LedgerEntry:
    key = (partner_id, movement.customer_id)
    wallet = ledger.lock([key]).get(key)
    if wallet is None:
        raise WalletNotFound(movement.customer_id)
    posting = _posting(wallet, movement, kind)
    ledger.post([posting], by=by, now=now)
    publish_movement(wallet, is_credit=kind == Kind.CREDIT, by=by, now=now)
    return _entry(posting.id)


def publish_movement(wallet: Wallet, *, is_credit: bool, by: Actor, now: datetime) -> None:
    """Money came into the posted wallet, or went out of it."""
    wallet.updated_at = now
    fact = events.Fact(
        partner_id=wallet.partner_id,
        type="wallet.credited" if is_credit else "wallet.debited",
        resource_id=wallet.id,
        data=WalletResource.render(wallet),
    )
    events.publish([fact], by=by, now=now)
    if is_credit:
        key = (wallet.partner_id, wallet.customer_id)
        transaction.on_commit(lambda: wallet_credited()(customer=key, by=by, now=now), robust=True)


def check_debit(wallet: Wallet, amount: int) -> None:
    """Raises WalletInactive, InsufficientFunds."""
    if not wallet.is_active:
        raise WalletInactive(wallet.customer_id)
    if amount > wallet.available:
        raise InsufficientFunds(wallet, amount)


def _posting(wallet: Wallet, movement: Movement, kind: Kind) -> Posting:
    amount = movement.amount
    if kind == Kind.DEBIT:
        check_debit(wallet, amount)
        lines = [Line(Account.WALLET, -amount, wallet), Line(Account.PAYOUT, amount)]
    else:
        lines = [Line(Account.WALLET, amount, wallet), Line(Account.FUNDING, -amount)]
    return Posting(
        partner_id=wallet.partner_id,
        kind=kind,
        currency=wallet.currency,
        lines=lines,
        description=movement.description,
        reference=movement.reference,
        idempotency_key=movement.idempotency_key,
        fingerprint=movement.fingerprint,
    )


def _replay(partner_id: UUID, movement: Movement, kind: Kind) -> LedgerEntry | None:
    """The entry that this key made before. Raises IdempotencyKeyReused."""
    if movement.idempotency_key is None:
        return None
    posted = idempotency.find(
        LedgerTransaction.objects.filter(partner_id=partner_id, kind=kind),
        movement.idempotency_key,
        movement.fingerprint,
    )
    return _entry(posted.id) if posted else None


def _entry(transaction_id: UUID) -> LedgerEntry:
    entries = LedgerEntry.objects.select_related("transaction")
    return entries.get(transaction_id=transaction_id, account=Account.WALLET)
