"""What is always true of charges: each query returns the rows at fault (see wallets/invariants)."""

from __future__ import annotations

from wallets.invariants import OF_PARTNER

OF_CHARGE = OF_PARTNER.replace("w.", "c.")
TERMINAL = "('succeeded', 'failed', 'canceled')"

INVARIANTS = {
    "held equals the open wallet legs": f"""
        SELECT w.id, w.held, coalesce(sum(c.wallet_amount), 0) AS open_legs
        FROM wallets_wallet w LEFT JOIN charges_charge c
            ON c.wallet_id = w.id AND c.status IN ('processing', 'unknown', 'requires_action')
        WHERE {OF_PARTNER}
        GROUP BY w.id HAVING w.held <> coalesce(sum(c.wallet_amount), 0)""",
    "legs sum to the charge": f"""
        SELECT c.id, c.amount, c.wallet_amount, c.external_amount FROM charges_charge c
        WHERE {OF_CHARGE} AND c.amount <> c.wallet_amount + c.external_amount
            AND NOT (c.status IN ('pending', 'failed', 'canceled')
                     AND c.wallet_amount + c.external_amount = 0)""",
    "a succeeded charge is in the ledger once, as its legs and shares say": f"""
        SELECT c.id, c.amount, posted.* FROM charges_charge c
        LEFT JOIN LATERAL (
            SELECT count(DISTINCT t.id) AS transactions,
                coalesce(sum(-e.amount) FILTER (WHERE e.account = 'card'), 0) AS card,
                coalesce(sum(-e.amount) FILTER (WHERE e.amount < 0 AND e.account = 'wallet'), 0)
                    AS wallet,
                coalesce(sum(e.amount) FILTER (WHERE e.amount > 0 AND e.account = 'wallet'), 0)
                    AS shared,
                coalesce(sum(e.amount) FILTER (WHERE e.account = 'revenue'), 0) AS revenue
            FROM wallets_ledgertransaction t JOIN wallets_ledgerentry e ON e.transaction_id = t.id
            WHERE t.charge_id = c.id AND t.kind = 'charge') posted ON true
        WHERE {OF_CHARGE} AND c.status = 'succeeded' AND (
            posted.transactions <> 1 OR posted.card <> c.external_amount
            OR posted.wallet <> c.wallet_amount OR posted.shared + posted.revenue <> c.amount
            OR posted.shared <> (SELECT coalesce(sum((s->>'amount')::bigint), 0)
                                 FROM jsonb_array_elements(c.split_shares) s))""",
    "a charge that has not succeeded is not in the ledger": f"""
        SELECT c.id, c.status FROM charges_charge c
        JOIN wallets_ledgertransaction t ON t.charge_id = c.id
        WHERE {OF_CHARGE} AND c.status <> 'succeeded'""",
    "at most the amount is refunded": f"""
        SELECT c.id, c.amount, c.amount_refunded FROM charges_charge c
        WHERE {OF_CHARGE} AND c.amount_refunded > c.amount""",
    "a terminal charge has exactly one terminal event": f"""
        SELECT c.id, c.status, count(e.id) AS events FROM charges_charge c
        LEFT JOIN webhooks_event e ON e.resource_id = c.id
            AND e.type IN ('charge.succeeded', 'charge.failed', 'charge.canceled')
        WHERE {OF_CHARGE} AND c.status IN {TERMINAL}
        GROUP BY c.id HAVING count(e.id) <> 1
            OR min(e.type) <> 'charge.' || c.status""",
    "an open charge has no terminal event": f"""
        SELECT c.id, c.status, e.type FROM charges_charge c
        JOIN webhooks_event e ON e.resource_id = c.id
            AND e.type IN ('charge.succeeded', 'charge.failed', 'charge.canceled')
        WHERE {OF_CHARGE} AND c.status NOT IN {TERMINAL}""",
    "a processing charge is found by a sweep or by staff": f"""
        SELECT c.id, c.status FROM charges_charge c
        WHERE {OF_CHARGE} AND c.status IN ('pending', 'processing', 'unknown')
            AND c.next_attempt_at IS NULL AND c.needs_review = ''""",
}
