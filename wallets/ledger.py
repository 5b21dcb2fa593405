"""`post`: the one function that moves money. Steps: each needs the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from partners import rows
from partners.actors import Actor
from wallets.models import Account, Kind, LedgerEntry, LedgerTransaction, Wallet

ENTRY_COLUMNS = (
    "transaction_id", "account", "wallet_id", "amount", "balance_before", "balance_after",
)  # fmt: skip

WALLET_COLUMNS = rows.columns(Wallet)

LOCK = f"""
SELECT {", ".join(f"w.{column}" for column in WALLET_COLUMNS)} FROM wallets_wallet w
JOIN (SELECT * FROM json_to_recordset(%s) AS x (partner_id uuid, customer_id text) LIMIT %s) k
    ON w.partner_id = k.partner_id AND w.customer_id = k.customer_id
ORDER BY w.id FOR UPDATE OF w
"""

POST = f"""
WITH moved AS (
    UPDATE wallets_wallet w SET balance = x.balance, held = x.held, updated_at = %s
    FROM (SELECT * FROM json_to_recordset(%s) AS y (id uuid, balance bigint, held bigint)
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
    """One account's part; `wallet` for the wallet account. Positive is money in."""

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
    idempotency_key: str | None = None
    fingerprint: str = ""
    id: UUID = field(default_factory=uuid7)


POSTED = [name for name in Posting.__dataclass_fields__ if name != "lines"]


def lock(keys: Iterable[WalletKey]) -> dict[WalletKey, Wallet]:
    """The wallets there are, locked in primary-key order and read after the lock."""
    wanted = [{"partner_id": p, "customer_id": c} for p, c in dict.fromkeys(keys)]
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [rows.encode(wanted), len(wanted)])
        locked = [
            Wallet.from_db(connection.alias, WALLET_COLUMNS, row) for row in cursor.fetchall()
        ]
    return {(wallet.partner_id, wallet.customer_id): wallet for wallet in locked}


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
    """
    if not connection.in_atomic_block:
        raise RuntimeError("ledger.post is part of somebody's transaction")
    touched: dict[UUID, Wallet] = {}
    for wallet, change in (holds or {}).values():
        wallet.held += change
        touched[wallet.id] = wallet
    entries = [_entry(p.id, line, touched) for p in postings for line in p.lines]
    stamps = {"actor": by.name, "request_id": by.request_id, "created_at": now}
    transactions = [{n: getattr(p, n) for n in POSTED} | stamps for p in postings]
    balances = [{"id": w.id, "balance": w.balance, "held": w.held} for w in touched.values()]
    written = map(rows.encode, (transactions, entries))
    parameters: list[Any] = [now, rows.encode(balances), len(balances), *written]
    with connection.cursor() as cursor:
        cursor.execute(POST, parameters)


def _entry(transaction_id: UUID, line: Line, touched: dict[UUID, Wallet]) -> dict[str, Any]:
    entry = {"transaction_id": transaction_id, "account": line.account, "amount": line.amount}
    if wallet := line.wallet:
        entry |= {"wallet_id": wallet.id, "balance_before": wallet.balance}
        wallet.balance += line.amount
        entry["balance_after"] = wallet.balance
        touched[wallet.id] = wallet
    return entry
