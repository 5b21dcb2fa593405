"""What is always true of wallets and the ledger: each query returns the rows at fault.

`%(partner)s` is a partner's id, or null for all.
"""

from __future__ import annotations

OF_PARTNER = "(%(partner)s::uuid IS NULL OR w.partner_id = %(partner)s::uuid)"

INVARIANTS = {
    "wallet balance equals the sum of its entries": f"""
        SELECT w.id, w.balance, coalesce(sum(e.amount), 0) AS entries
        FROM wallets_wallet w LEFT JOIN wallets_ledgerentry e ON e.wallet_id = w.id
        WHERE {OF_PARTNER}
        GROUP BY w.id HAVING w.balance <> coalesce(sum(e.amount), 0)""",
    "wallet balance equals its last balance_after": f"""
        SELECT w.id, w.balance, last.balance_after FROM wallets_wallet w
        JOIN LATERAL (SELECT balance_after FROM wallets_ledgerentry e
                      WHERE e.wallet_id = w.id ORDER BY e.id DESC LIMIT 1) last ON true
        WHERE {OF_PARTNER} AND w.balance <> last.balance_after""",
    "wallet entries chain": f"""
        SELECT chain.* FROM (
            SELECT e.id, e.wallet_id, e.balance_before, w.partner_id, coalesce(
                lag(e.balance_after) OVER (PARTITION BY e.wallet_id ORDER BY e.id), 0) AS previous
            FROM wallets_ledgerentry e JOIN wallets_wallet w ON w.id = e.wallet_id
            WHERE {OF_PARTNER}) chain
        WHERE chain.balance_before <> chain.previous""",
    "a wallet owes what its receivable entries say": f"""
        SELECT w.id, w.receivable, -coalesce(sum(e.amount), 0) AS entries
        FROM wallets_wallet w LEFT JOIN wallets_ledgerentry e ON e.owed_by_id = w.id
        WHERE {OF_PARTNER}
        GROUP BY w.id HAVING w.receivable <> -coalesce(sum(e.amount), 0)""",
    "what is receivable names who owes it": f"""
        SELECT e.id, e.amount FROM wallets_ledgerentry e
        JOIN wallets_ledgertransaction w ON w.id = e.transaction_id
        WHERE {OF_PARTNER} AND e.account = 'receivable' AND e.owed_by_id IS NULL""",
    "credits, debits and nettings have the lines of their kind": f"""
        SELECT w.id, w.kind, array_agg(e.account ORDER BY e.id) AS accounts
        FROM wallets_ledgertransaction w LEFT JOIN wallets_ledgerentry e ON e.transaction_id = w.id
        WHERE {OF_PARTNER} AND w.kind IN ('credit', 'debit', 'netting')
        GROUP BY w.id HAVING w.kind <> 'netting' AND count(e.id) <> 2
            OR NOT coalesce(bool_and(CASE w.kind
                WHEN 'credit' THEN (e.account, sign(e.amount)) IN (('wallet', 1), ('funding', -1))
                WHEN 'debit' THEN (e.account, sign(e.amount)) IN (('wallet', -1), ('payout', 1))
                ELSE (e.account, sign(e.amount)) IN (('wallet', -1), ('receivable', 1))
                END), false)""",
    "a netting pays with the debtor's own money": f"""
        SELECT w.id, coalesce(e.wallet_id, e.owed_by_id) AS wallet_id, sum(e.amount) AS sum
        FROM wallets_ledgertransaction w JOIN wallets_ledgerentry e ON e.transaction_id = w.id
        WHERE {OF_PARTNER} AND w.kind = 'netting'
        GROUP BY w.id, coalesce(e.wallet_id, e.owed_by_id) HAVING sum(e.amount) <> 0""",
    "ledger transactions sum to zero": f"""
        SELECT w.id, count(e.id) AS entries, coalesce(sum(e.amount), 0) AS sum
        FROM wallets_ledgertransaction w LEFT JOIN wallets_ledgerentry e ON e.transaction_id = w.id
        WHERE {OF_PARTNER}
        GROUP BY w.id HAVING coalesce(sum(e.amount), 0) <> 0 OR count(e.id) < 2""",
    "the ledger sums to zero per currency": f"""
        SELECT w.currency, sum(e.amount) AS sum
        FROM wallets_ledgertransaction w JOIN wallets_ledgerentry e ON e.transaction_id = w.id
        WHERE {OF_PARTNER}
        GROUP BY w.currency HAVING sum(e.amount) <> 0""",
    "an adjustment moves one amount from one account to another": f"""
        SELECT w.id, count(e.id) AS entries, count(DISTINCT e.account) AS accounts
        FROM wallets_ledgertransaction w LEFT JOIN wallets_ledgerentry e ON e.transaction_id = w.id
        WHERE {OF_PARTNER} AND w.kind = 'adjustment'
        GROUP BY w.id HAVING count(e.id) <> 2 OR count(DISTINCT e.account) <> 2""",
    "entries are in their wallet's currency and of its partner": f"""
        SELECT e.id, w.currency, t.currency AS transaction_currency
        FROM wallets_ledgerentry e
        JOIN wallets_wallet w ON w.id = coalesce(e.wallet_id, e.owed_by_id)
        JOIN wallets_ledgertransaction t ON t.id = e.transaction_id
        WHERE {OF_PARTNER} AND (w.currency <> t.currency OR w.partner_id <> t.partner_id)""",
}
