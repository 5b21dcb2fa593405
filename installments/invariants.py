"""What is always true of orders: each query returns the rows at fault (see wallets/invariants)."""

from __future__ import annotations

from wallets.invariants import OF_PARTNER

OF_ORDER = OF_PARTNER.replace("w.", "o.")

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
    "a paid installment has exactly one succeeded charge, of its amount": f"""
        SELECT o.id, count(c.id) AS charges FROM installments_installment o
        LEFT JOIN charges_charge c ON c.installment_id = o.id AND c.status = 'succeeded'
            AND c.amount = o.amount
        WHERE {OF_ORDER}
        GROUP BY o.id HAVING count(c.id) <> (CASE WHEN o.status = 'paid' THEN 1 ELSE 0 END)""",
    "at most one open charge per installment": f"""
        SELECT o.id, count(*) AS charges FROM installments_installment o
        JOIN charges_charge c ON c.installment_id = o.id
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
    "an order is past due exactly while something is": f"""
        SELECT o.id, o.past_due FROM installments_installmentorder o
        WHERE {OF_ORDER} AND o.status IN ('active', 'defaulted') AND o.past_due <> EXISTS (
            SELECT 1 FROM installments_installment i WHERE i.order_id = o.id
            AND (i.status IN ('overdue', 'failed')
                 OR i.status = 'processing' AND i.overdue_at IS NOT NULL))""",
}
