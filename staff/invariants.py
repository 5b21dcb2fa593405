"""What is always true of what staff did: each query returns the rows at fault."""

from __future__ import annotations

from wallets.invariants import OF_PARTNER

INVARIANTS = {
    "an adjustment by staff is what another person approved": f"""
        SELECT w.id, w.actor, w.currency FROM wallets_ledgertransaction w
        JOIN wallets_ledgerentry source ON source.transaction_id = w.id AND source.amount < 0
        JOIN wallets_ledgerentry target ON target.transaction_id = w.id AND target.amount > 0
        WHERE {OF_PARTNER} AND w.kind = 'adjustment' AND w.actor LIKE 'staff:%%'
            AND NOT EXISTS (
                SELECT 1 FROM staff_auditentry d JOIN staff_approval a ON a.id = d.approval_id
                WHERE w.idempotency_key = 'staff-' || d.token AND a.status = 'approved'
                    AND a.action = 'adjust' AND a.partner_id = w.partner_id
                    AND a.amount = target.amount AND a.currency = w.currency
                    AND a.parameters->>'source' = source.account
                    AND a.parameters->>'target' = target.account)""",
}
