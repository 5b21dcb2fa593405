"""What is always true of orders: each query returns the rows at fault (see wallets/invariants)."""

from __future__ import annotations

from wallets import money
from wallets.invariants import OF_PARTNER

OF_ORDER = OF_PARTNER.replace("w.", "o.")
DIGITS = ", ".join(f"('{code}', {digits})" for code, digits in money.exponents().items())

INVARIANTS = {
    "installments sum to the order": f"""
        SELECT o.id, o.amount, sum(i.amount) AS installments, count(i.id) AS count
        FROM installments_installmentorder o
        LEFT JOIN installments_installment i ON i.order_id = o.id
        WHERE {OF_ORDER}
        GROUP BY o.id HAVING coalesce(sum(i.amount), 0) <> o.amount
            OR count(i.id) <> o.installment_count""",
    "amount paid equals the paid installments": f"""
        SELECT o.id, o.amount_paid, coalesce(sum(i.amount), 0) AS paid
        FROM installments_installmentorder o
        LEFT JOIN installments_installment i ON i.order_id = o.id AND i.status = 'paid'
        WHERE {OF_ORDER}
        GROUP BY o.id HAVING o.amount_paid <> coalesce(sum(i.amount), 0)""",
    "a paid installment has exactly one succeeded charge: its own, or one that paid off": f"""
        SELECT o.id, o.status, count(c.id) AS charges FROM installments_installment o
        LEFT JOIN charges_charge c ON c.installment_order_id = o.order_id AND c.status = 'succeeded'
            AND c.reopened_at IS NULL
            AND (c.installment_id = o.id OR c.installment_id IS NULL AND c.id = o.charge_id)
        WHERE {OF_ORDER}
        GROUP BY o.id HAVING count(c.id) <> (CASE WHEN o.status = 'paid' THEN 1 ELSE 0 END)
            OR o.status = 'paid' AND NOT bool_and(c.id = o.charge_id)""",
    "a succeeded charge of an order is the sum of what it paid, late fees apart": f"""
        SELECT o.id, o.amount, o.late_fee, paid.* FROM charges_charge o LEFT JOIN LATERAL (
            SELECT coalesce(sum(i.amount + i.late_fee), 0) AS amount,
                coalesce(sum(i.late_fee), 0) AS late_fees
            FROM installments_installment i
            WHERE i.order_id = o.installment_order_id AND i.charge_id = o.id
                AND i.status = 'paid') paid ON true
        WHERE {OF_ORDER} AND o.installment_order_id IS NOT NULL AND o.status = 'succeeded'
            AND o.reopened_at IS NULL
            AND (o.amount <> paid.amount OR o.late_fee <> paid.late_fees)""",
    "at most one open charge per installment": f"""
        SELECT o.id, count(*) AS charges FROM installments_installment o
        JOIN charges_charge c ON c.installment_order_id = o.order_id
            AND (c.installment_id = o.id OR c.installment_id IS NULL AND c.id = o.charge_id)
            AND c.status IN ('pending', 'processing', 'requires_action', 'unknown')
        WHERE {OF_ORDER}
        GROUP BY o.id HAVING count(*) > 1""",
    "an installment is processing exactly while its charge is open": f"""
        SELECT o.id, o.status, c.status AS charge_status FROM installments_installment o
        LEFT JOIN charges_charge c ON c.id = o.charge_id
        WHERE {OF_ORDER} AND (o.status = 'processing') <> (coalesce(c.status, '')
            IN ('pending', 'processing', 'requires_action', 'unknown'))""",
    "a charge of an installment has its shares": f"""
        SELECT c.id, c.split_shares FROM charges_charge c
        JOIN installments_installment o ON o.id = c.installment_id
        WHERE {OF_ORDER} AND c.split_shares <> o.split_shares""",
    "a charge that paid off has the shares of what it paid": f"""
        SELECT o.id, s->>'recipient' AS recipient, paid.amount FROM charges_charge o
        CROSS JOIN LATERAL jsonb_array_elements(o.split_shares) s
        LEFT JOIN LATERAL (
            SELECT coalesce(sum((x->>'amount')::bigint), 0) AS amount
            FROM installments_installment i
            CROSS JOIN LATERAL jsonb_array_elements(i.split_shares) x
            WHERE i.order_id = o.installment_order_id AND i.charge_id = o.id
                AND x->>'recipient' = s->>'recipient') paid ON true
        WHERE {OF_ORDER} AND o.installment_order_id IS NOT NULL AND o.installment_id IS NULL
            AND o.status = 'succeeded' AND o.reopened_at IS NULL
            AND paid.amount <> (s->>'amount')::bigint""",
    "a charge whose part was reopened is no part's charge": f"""
        SELECT o.id, o.status, c.id AS charge_id FROM installments_installment o
        JOIN charges_charge c ON c.id = o.charge_id AND c.reopened_at IS NOT NULL
        WHERE {OF_ORDER}""",
    "nothing of an order that was given up is unpaid": f"""
        SELECT i.id, o.status, i.status AS part FROM installments_installment i
        JOIN installments_installmentorder o ON o.id = i.order_id
        WHERE {OF_ORDER} AND o.status IN ('canceled', 'written_off')
            AND i.status IN ('pending', 'overdue', 'failed')""",
    "the shares of an order's parts are the order's": f"""
        SELECT asked.id, asked.recipient, asked.amount, coalesce(given.amount, 0) AS given
        FROM (
            SELECT o.id, s->>'recipient' AS recipient,
                coalesce(
                    (s->>'amount')::numeric
                        * power(10::numeric, coalesce(x.digits, {money.USUAL})),
                    floor(o.amount * (s->>'percentage')::numeric / 100)) AS amount
            FROM installments_installmentorder o
            LEFT JOIN (VALUES {DIGITS}) x (currency, digits) ON x.currency = o.currency
            CROSS JOIN LATERAL jsonb_array_elements(o.split_instructions) s
            WHERE {OF_ORDER}) asked
        LEFT JOIN (
            SELECT i.order_id, s->>'recipient' AS recipient, sum((s->>'amount')::bigint) AS amount
            FROM installments_installment i
            CROSS JOIN LATERAL jsonb_array_elements(i.split_shares) s
            GROUP BY i.order_id, s->>'recipient') given
            ON given.order_id = asked.id AND given.recipient = asked.recipient
        WHERE asked.amount <> coalesce(given.amount, 0)""",
    "an order that is paid in full is collected no more": f"""
        SELECT o.id, o.status, o.amount FROM installments_installmentorder o
        WHERE {OF_ORDER} AND o.status IN ('active', 'paused') AND o.amount_paid = o.amount""",
    "what was paid or completed was told": f"""
        SELECT o.id, o.status FROM installments_installment o
        LEFT JOIN webhooks_event e ON e.resource_id = o.id AND e.type = 'installment.paid'
        WHERE {OF_ORDER} AND o.status = 'paid' AND e.id IS NULL
        UNION ALL
        SELECT o.id, o.status FROM installments_installmentorder o
        LEFT JOIN webhooks_event e ON e.resource_id = o.id
            AND e.type = 'installment_order.completed'
        WHERE {OF_ORDER} AND o.status = 'completed' AND e.id IS NULL""",
    "only installments of active orders wait to be collected": f"""
        SELECT i.id, o.status, i.next_attempt_at FROM installments_installment i
        JOIN installments_installmentorder o ON o.id = i.order_id
        WHERE {OF_ORDER} AND (
            o.status <> 'active' AND i.next_attempt_at IS NOT NULL AND i.status <> 'processing'
            OR o.status = 'active' AND i.next_attempt_at IS NULL
                AND i.status IN ('pending', 'overdue'))""",
    "what is given up or paused asks no card": f"""
        SELECT o.id, o.status, c.id AS charge_id FROM installments_installmentorder o
        JOIN charges_charge c ON c.installment_order_id = o.id AND c.external_charge_id IS NULL
            AND c.status IN ('pending', 'processing', 'requires_action', 'unknown')
        WHERE {OF_ORDER} AND o.status IN ('canceled', 'written_off', 'paused')""",
    "revisions are numbered without gaps": f"""
        SELECT o.id, count(r.id) AS revisions, max(r.number) AS last
        FROM installments_installmentorder o
        JOIN installments_revision r ON r.order_id = o.id
        WHERE {OF_ORDER} GROUP BY o.id
        HAVING count(r.id) <> max(r.number) OR min(r.number) <> 1""",
    "an order is past due exactly while something is": f"""
        SELECT o.id, o.past_due FROM installments_installmentorder o
        WHERE {OF_ORDER} AND o.status IN ('active', 'defaulted') AND o.past_due <> EXISTS (
            SELECT 1 FROM installments_installment i WHERE i.order_id = o.id
            AND (i.status IN ('overdue', 'failed') OR i.status = 'processing'
                 AND (i.overdue_at IS NOT NULL OR i.default_at IS NOT NULL)))""",
}
