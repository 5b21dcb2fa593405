"""What is always true of charges: each query returns the rows at fault (see wallets/invariants)."""

from __future__ import annotations

from charges import posting_invariants
from wallets.invariants import OF_PARTNER

OF_CHARGE = OF_PARTNER.replace("w.", "c.")
OF_REFUND = OF_PARTNER.replace("w.", "r.")
OF_DISPUTE = OF_PARTNER.replace("w.", "d.")
TERMINAL = "('succeeded', 'failed', 'canceled')"

INVARIANTS = {
    **posting_invariants.INVARIANTS,
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
    "a charge that has not succeeded is not in the ledger": f"""
        SELECT c.id, c.status FROM charges_charge c
        JOIN wallets_ledgertransaction t ON t.charge_id = c.id
        WHERE {OF_CHARGE} AND c.status <> 'succeeded'""",
    "what went back is what refunds and lost disputes say": f"""
        SELECT c.id, c.wallet_refunded, c.external_refunded, c.external_reversed, said.*
        FROM charges_charge c LEFT JOIN LATERAL (
            SELECT coalesce(sum(r.amount - r.external_leg), 0) AS wallet,
                coalesce(sum(r.external_leg), 0) AS external
            FROM charges_refund r WHERE r.charge_id = c.id AND r.status <> 'failed') said ON true
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(d.external_leg), 0) AS reversed
            FROM charges_dispute d WHERE d.charge_id = c.id) lost ON true
        WHERE {OF_CHARGE} AND (c.wallet_refunded <> said.wallet
            OR c.external_refunded <> said.external OR c.external_reversed <> lost.reversed
            OR c.wallet_refunded > c.wallet_amount
            OR c.external_refunded + c.external_reversed > c.external_amount)""",
    "nobody gives back more than their share, and all of it when all went back": f"""
        SELECT c.id, s->>'recipient' AS recipient, given.amount FROM charges_charge c
        CROSS JOIN LATERAL jsonb_array_elements(c.split_shares) s
        LEFT JOIN LATERAL (
            SELECT coalesce(sum((x->>'amount')::bigint), 0) AS amount FROM (
                SELECT jsonb_array_elements(r.split_reversals) AS x FROM charges_refund r
                WHERE r.charge_id = c.id AND r.status = 'succeeded'
                UNION ALL
                SELECT jsonb_array_elements(a.split_reversals) FROM charges_disputeallocation a
                JOIN charges_dispute d ON d.id = a.dispute_id
                WHERE d.charge_id = c.id AND a.reversed_at IS NULL) back
            WHERE x->>'recipient' = s->>'recipient') given ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS pending FROM charges_refund r
            WHERE r.charge_id = c.id AND r.status = 'pending') open ON true
        WHERE {OF_CHARGE} AND (given.amount > (s->>'amount')::bigint OR (open.pending = 0
            AND c.wallet_refunded + c.external_refunded + c.external_reversed = c.amount
            AND given.amount <> (s->>'amount')::bigint))""",
    "a late fee goes back with its charge, and all of it when all went back": f"""
        SELECT c.id, c.late_fee, given.late_fee AS given_back FROM charges_charge c
        LEFT JOIN LATERAL (
            SELECT coalesce(sum(late_fee), 0) AS late_fee FROM (
                SELECT r.late_fee_reversed AS late_fee FROM charges_refund r
                WHERE r.charge_id = c.id AND r.status = 'succeeded'
                UNION ALL
                SELECT a.late_fee_reversed FROM charges_disputeallocation a
                JOIN charges_dispute d ON d.id = a.dispute_id
                WHERE d.charge_id = c.id AND a.reversed_at IS NULL) back) given ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS pending FROM charges_refund r
            WHERE r.charge_id = c.id AND r.status = 'pending') open ON true
        WHERE {OF_CHARGE} AND c.late_fee > 0 AND (given.late_fee > c.late_fee
            OR (open.pending = 0 AND given.late_fee <> c.late_fee
                AND c.wallet_refunded + c.external_refunded + c.external_reversed = c.amount))""",
    "of a charge whose part was reopened nothing is kept, unless it came back later": f"""
        SELECT c.id, c.amount, c.reopened_at FROM charges_charge c
        WHERE {OF_CHARGE} AND c.reopened_at IS NOT NULL
            AND c.wallet_refunded + c.external_refunded + c.external_reversed <> c.amount
            AND NOT EXISTS (SELECT 1 FROM charges_refund r
                            WHERE r.charge_id = c.id AND r.failed_at >= c.reopened_at)
            AND NOT EXISTS (SELECT 1 FROM charges_dispute d
                            WHERE d.charge_id = c.id AND d.status = 'won'
                            AND d.updated_at >= c.reopened_at)""",
    "a dispute has what its movements and allocations say": f"""
        SELECT d.id, d.withdrawn, d.external_leg, moved.amount AS moved, borne.amount AS borne
        FROM charges_dispute d
        LEFT JOIN (SELECT dispute_id, sum(amount) AS amount FROM charges_disputemovement
                   GROUP BY dispute_id) moved ON moved.dispute_id = d.id
        LEFT JOIN (SELECT dispute_id, sum(amount) AS amount FROM charges_disputeallocation
                   WHERE reversed_at IS NULL GROUP BY dispute_id) borne ON borne.dispute_id = d.id
        WHERE {OF_DISPUTE} AND (d.withdrawn <> coalesce(moved.amount, 0)
            OR d.external_leg <> coalesce(borne.amount, 0))""",
    "a lost dispute is borne while the card leg lasts, and no other is": f"""
        SELECT d.id, d.status, d.withdrawn, d.external_leg FROM charges_dispute d
        JOIN charges_charge c ON c.id = d.charge_id
        WHERE {OF_DISPUTE} AND (d.external_leg > greatest(d.withdrawn, 0)
            OR d.external_leg > 0 AND (d.status <> 'lost' OR d.currency <> c.currency)
            OR d.status = 'lost' AND d.currency = c.currency
                AND d.external_leg < least(d.withdrawn, d.amount)
                AND c.external_refunded + c.external_reversed < c.external_amount)""",
    "a dispute was told when it began and when it closed": f"""
        SELECT c.id, said.begun, said.closed, told.disputed, told.closed AS told_closed
        FROM (SELECT d.charge_id AS id, count(*) AS begun, count(d.closed_at) AS closed
              FROM charges_dispute d WHERE {OF_DISPUTE} GROUP BY d.charge_id) said
        JOIN charges_charge c USING (id) LEFT JOIN LATERAL (
            SELECT count(*) FILTER (WHERE e.type = 'charge.disputed') AS disputed,
                count(*) FILTER (WHERE e.type = 'charge.dispute_closed') AS closed
            FROM webhooks_event e WHERE e.resource_id = c.id) told ON true
        WHERE told.disputed < said.begun OR told.closed < said.closed""",
    "a pending refund is found by a sweep or by staff": f"""
        SELECT r.id FROM charges_refund r WHERE {OF_REFUND} AND r.status = 'pending'
            AND r.next_attempt_at IS NULL AND r.needs_review = ''""",
    "every refund that ended was told once": f"""
        SELECT r.id, r.status FROM charges_refund r
        LEFT JOIN webhooks_event e ON e.resource_id = r.id AND e.type = 'refund.failed'
        WHERE {OF_REFUND} GROUP BY r.id
        HAVING count(e.id) <> (r.status = 'failed')::int
        UNION ALL
        SELECT c.id, 'refunded' FROM charges_charge c LEFT JOIN LATERAL (
            SELECT count(*) AS count FROM charges_refund r
            WHERE r.charge_id = c.id AND r.succeeded_at IS NOT NULL) succeeded ON true
        LEFT JOIN LATERAL (
            SELECT count(*) AS count FROM webhooks_event e
            WHERE e.resource_id = c.id AND e.type = 'charge.refunded') told ON true
        WHERE {OF_CHARGE} AND succeeded.count <> told.count""",
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
    "no card has only waiting charges": f"""
        SELECT (array_agg(c.id ORDER BY c.id))[1] AS id, c.card, count(*) AS waiting,
            min(c.waiting_since) AS since
        FROM charges_charge c
        WHERE {OF_CHARGE} AND c.status IN ('processing', 'unknown', 'requires_action')
            AND c.waiting_since < now() - interval '15 minutes' AND NOT EXISTS (
                SELECT 1 FROM charges_charge o JOIN charges_cardattempt a ON a.charge_id = o.id
                WHERE o.partner_id = c.partner_id AND o.customer_id = c.customer_id
                    AND o.card = c.card AND a.started_at > now() - interval '15 minutes')
        GROUP BY c.partner_id, c.customer_id, c.card""",
    "a processing charge is found by a sweep or by staff": f"""
        SELECT c.id, c.status FROM charges_charge c
        WHERE {OF_CHARGE} AND c.status IN ('pending', 'processing', 'unknown', 'requires_action')
            AND c.next_attempt_at IS NULL AND c.needs_review = ''""",
}
