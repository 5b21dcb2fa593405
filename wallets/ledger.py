"""`post`: the one function that moves money. Steps: each needs the caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from foundation import rows
from foundation.actors import Actor
from partners.models import Partner
from wallets.models import Account, Kind, LedgerEntry, LedgerTransaction, Wallet

ENTRY_COLUMNS = (
    "transaction_id",
    "account",
    "wallet_id",
    "owed_by_id",
    "amount",
    "balance_before",
    "balance_after",
)
NETTED_FROM = (Kind.CREDIT, Kind.CHARGE)
"""Facts whose money pays what its wallet owes, where the partner wants that."""

WALLET_COLUMNS = rows.columns(Wallet)

FIND = f"""
SELECT {", ".join(f"w.{column}" for column in WALLET_COLUMNS)} FROM wallets_wallet w
JOIN (SELECT * FROM json_to_recordset(%s) AS x (partner_id uuid, customer_id text) LIMIT %s) k
    ON w.partner_id = k.partner_id AND w.customer_id = k.customer_id
ORDER BY w.id
"""
LOCK = f"{FIND} FOR UPDATE OF w"
LOCK_FREE = f"{LOCK} SKIP LOCKED"

POST = f"""
WITH moved AS (
    UPDATE wallets_wallet w SET balance = x.balance, held = x.held, receivable = x.receivable,
        updated_at = %s
    FROM (SELECT * FROM json_to_recordset(%s)
            AS y (id uuid, balance bigint, held bigint, receivable bigint)
          LIMIT %s) x WHERE w.id = x.id
), written AS (
    {rows.source(LedgerTransaction)}
)
{rows.source(LedgerEntry, ENTRY_COLUMNS)}
"""

WalletKey = tuple[UUID, str]
"""(partner id, customer id)"""


@dataclass(frozen=True, slots=True)
class Line:
    """One account's part: positive is money in. `wallet` is whose account `wallet` it is, or who
    owes what is `receivable`.
    """

    account: Account
    amount: int
    wallet: Wallet | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """A ledger transaction to be: its lines sum to zero, in minor units of `currency`."""

    partner_id: UUID
    kind: Kind
    currency: str
    lines: Sequence[Line]
    description: str = ""
    reference: str | None = None
    charge_id: UUID | None = None
    refund_id: UUID | None = None
    dispute_id: UUID | None = None
    source_id: UUID | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""
    id: UUID = field(default_factory=uuid7)


POSTED = [name for name in Posting.__dataclass_fields__ if name != "lines"]


def lock(keys: Iterable[WalletKey]) -> dict[WalletKey, Wallet]:
    """The wallets there are, locked in primary-key order and read after the lock."""
    return _find(LOCK, keys)


def held_by_others(keys: Iterable[WalletKey]) -> set[WalletKey]:
    """Those whose wallets somebody else has locked at this moment; the others are locked."""
    wanted = list(keys)
    return _find(FIND, wanted).keys() - _find(LOCK_FREE, wanted).keys()


def _find(sql: str, keys: Iterable[WalletKey]) -> dict[WalletKey, Wallet]:
    wanted = [{"partner_id": p, "customer_id": c} for p, c in dict.fromkeys(keys)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [rows.encode(wanted), len(wanted)])
        found = [Wallet.from_db(connection.alias, WALLET_COLUMNS, row) for row in cursor.fetchall()]
    return {(wallet.partner_id, wallet.customer_id): wallet for wallet in found}


def post(
    postings: Sequence[Posting],
    *,
    holds: Mapping[UUID, tuple[Wallet, int]] | None = None,
    by: Actor,
    now: datetime,
) -> None:
    """The postings are in the ledger and their locked wallets stand as they say.

    `holds` maps a wallet's id to the locked wallet and by how much its `held` grows (negative:
    is released). The wallets passed in are up to date afterwards. One statement whatever the
    size of the batch.

    Where the partner wants it (`Partner.net_receivables`), what a wallet owes is paid from what a
    credit or a charge brings it, by a ledger transaction of its own.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("ledger.post is part of somebody's transaction")
    touched: dict[UUID, Wallet] = {}
    for wallet, change in (holds or {}).values():
        wallet.held += change
        touched[wallet.id] = wallet
    entries = [_entry(p.id, line, touched) for p in postings for line in p.lines]
    nettings = _nettings(postings)
    entries += [_entry(p.id, line, touched) for p in nettings for line in p.lines]
    stamps = {"actor": by.name, "request_id": by.request_id, "created_at": now}
    transactions = [{n: getattr(p, n) for n in POSTED} | stamps for p in (*postings, *nettings)]
    balances = [
        {"id": w.id, "balance": w.balance, "held": w.held, "receivable": w.receivable}
        for w in touched.values()
    ]
    written = map(rows.encode, (transactions, entries))
    parameters: list[Any] = [now, rows.encode(balances), len(balances), *written]
    with connection.cursor() as cursor:
        cursor.execute(POST, parameters)


def _entry(transaction_id: UUID, line: Line, touched: dict[UUID, Wallet]) -> dict[str, Any]:
    entry = {"transaction_id": transaction_id, "account": line.account, "amount": line.amount}
    if line.wallet is None:
        return entry
    wallet = touched[line.wallet.id] = line.wallet
    if line.account == Account.RECEIVABLE:
        wallet.receivable -= line.amount
        return entry | {"owed_by_id": wallet.id}
    before, wallet.balance = wallet.balance, wallet.balance + line.amount
    return entry | {
        "wallet_id": wallet.id,
        "balance_before": before,
        "balance_after": wallet.balance,
    }


def _nettings(postings: Sequence[Posting]) -> list[Posting]:
    """What pays the debts of those who got money; the postings' lines are on their wallets."""
    incoming = [p for p in postings if p.kind in NETTED_FROM and any(map(_is_for_debtor, p.lines))]
    if not incoming:
        return []
    partners = Partner.objects.filter(id__in={posting.partner_id for posting in incoming})
    wanting = set(partners.filter(net_receivables=True).values_list("id", flat=True))
    paid: Counter[UUID] = Counter()
    return [
        Posting(
            partner_id=posting.partner_id,
            kind=Kind.NETTING,
            currency=posting.currency,
            lines=lines,
            description=f"Owed, paid from a {posting.kind}",
            charge_id=posting.charge_id,
        )
        for posting in incoming
        if posting.partner_id in wanting and (lines := _netted(posting, paid))
    ]


def _netted(posting: Posting, paid: Counter[UUID]) -> list[Line]:
    """The lines by which the posting's debtors pay; `paid` is what they paid of the batch so far,
    and goes up.
    """
    lines = []
    for line in filter(_is_for_debtor, posting.lines):
        assert line.wallet is not None  # noqa: S101 -- a debtor's
        wallet, so_far = line.wallet, paid[line.wallet.id]
        amount = min(line.amount, wallet.receivable - so_far, wallet.available - so_far)
        if amount > 0:
            paid[wallet.id] += amount
            lines.append(Line(Account.WALLET, -amount, wallet))
            lines.append(Line(Account.RECEIVABLE, amount, wallet))
    return lines


def _is_for_debtor(line: Line) -> bool:
    """It brings money to a wallet that owes some."""
    is_incoming = line.account == Account.WALLET and line.amount > 0
    return is_incoming and line.wallet is not None and line.wallet.receivable > 0
