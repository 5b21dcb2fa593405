"""What every posting says, line by line, against its row (see wallets/invariants).

A line is an account, whose wallet or debt it is, and a currency. Both sides are added up by line in
one pass, so that the proof grows with the ledger and no faster.
"""

from __future__ import annotations

from wallets.invariants import OF_PARTNER

OF_CHARGE = OF_PARTNER.replace("w.", "c.")
OF_BACK = OF_PARTNER.replace("w.", "b.")
OF_DISPUTE = OF_PARTNER.replace("w.", "d.")

PERSON = "CASE WHEN {0} IN ('wallet', 'receivable') THEN 'person' ELSE {0} END"
"""What a person gets again may pay what they owe: both together are what the row says."""


def _compared(expected: str, actual: str) -> str:
    """The lines that differ; both queries have id, account, wallet_id, currency and amount."""
    return f"""
        SELECT id, account, wallet_id, currency, sum(expected) AS expected, sum(actual) AS actual
        FROM (
            SELECT id, account, wallet_id, currency, amount AS expected, 0 AS actual
            FROM ({expected}) wanted
            UNION ALL
            SELECT id, account, wallet_id, currency, 0, amount FROM ({actual}) posted) lines
        GROUP BY id, account, wallet_id, currency HAVING sum(expected) <> sum(actual)"""


def _posted(id_: str, *kinds: str, account: str = "e.account") -> str:
    """The ledger's lines of such kinds; `id_` is the row that they belong to."""
    wanted = ", ".join(f"'{kind}'" for kind in kinds)
    return f"""
        SELECT {id_} AS id, {account} AS account,
            coalesce(e.wallet_id, e.owed_by_id) AS wallet_id, w.currency, e.amount
        FROM wallets_ledgertransaction w JOIN wallets_ledgerentry e ON e.transaction_id = w.id
        WHERE {OF_PARTNER} AND w.kind IN ({wanted})"""


def _recipient(partner: str, share: str) -> str:
    return f"""LEFT JOIN wallets_wallet r
        ON r.partner_id = {partner} AND r.customer_id = {share}->>'recipient'"""


CHARGED = f"""
    SELECT c.id, l.account, l.wallet_id, c.currency, l.amount FROM charges_charge c
    CROSS JOIN LATERAL (
        SELECT coalesce(sum((s->>'amount')::bigint), 0) AS amount
        FROM jsonb_array_elements(c.split_shares) s) shared
    CROSS JOIN LATERAL (VALUES
        ('wallet', c.wallet_id, -c.wallet_amount), ('card', NULL, -c.external_amount),
        ('late_fee', NULL, c.late_fee),
        ('revenue', NULL, c.amount - c.late_fee - shared.amount)) l (account, wallet_id, amount)
    WHERE {OF_CHARGE} AND c.status = 'succeeded'
    UNION ALL
    SELECT c.id, 'wallet', r.id, c.currency, (s->>'amount')::bigint FROM charges_charge c
    CROSS JOIN LATERAL jsonb_array_elements(c.split_shares) s
    {_recipient("c.partner_id", "s")}
    WHERE {OF_CHARGE} AND c.status = 'succeeded'"""

BACK = """
    SELECT r.id, r.partner_id, r.currency, 'card' AS account, r.external_amount AS external,
        r.wallet_id, r.wallet_amount, r.amount, r.split_reversals AS reversals,
        r.late_fee_reversed AS late_fee, r.status = 'failed' AS is_undone
    FROM charges_refund r WHERE r.succeeded_at IS NOT NULL
    UNION ALL
    SELECT a.id, d.partner_id, d.currency, 'loss', a.amount, NULL, 0, a.amount, a.split_reversals,
        a.late_fee_reversed, a.reversed_at IS NOT NULL
    FROM charges_disputeallocation a JOIN charges_dispute d ON d.id = a.dispute_id"""

RETURNED = f"""
    SELECT b.id, l.account, l.wallet_id, b.currency, l.amount, b.is_undone FROM ({BACK}) b
    CROSS JOIN LATERAL (
        SELECT coalesce(sum((x->>'amount')::bigint), 0) AS amount
        FROM jsonb_array_elements(b.reversals) x) given
    CROSS JOIN LATERAL (VALUES
        (b.account, NULL, b.external), ('wallet', b.wallet_id, b.wallet_amount),
        ('late_fee', NULL, -b.late_fee),
        ('revenue', NULL, -(b.amount - b.late_fee - given.amount))) l (account, wallet_id, amount)
    WHERE {OF_BACK}
    UNION ALL
    SELECT b.id, l.account, r.id, b.currency, l.amount, b.is_undone FROM ({BACK}) b
    CROSS JOIN LATERAL jsonb_array_elements(b.reversals) x
    {_recipient("b.partner_id", "x")}
    CROSS JOIN LATERAL (VALUES
        ('wallet', (x->>'receivable')::bigint - (x->>'amount')::bigint),
        ('receivable', -(x->>'receivable')::bigint)) l (account, amount)
    WHERE {OF_BACK}"""

UNDONE = f"""
    SELECT id, {PERSON.format("account")} AS account, wallet_id, currency, -amount AS amount
    FROM ({RETURNED}) undone WHERE is_undone"""

MOVED = f"""
    SELECT m.id, l.account, NULL::uuid AS wallet_id, l.currency, l.amount
    FROM charges_disputemovement m JOIN charges_dispute d ON d.id = m.dispute_id
    CROSS JOIN LATERAL (VALUES
        ('card', d.currency, m.amount), ('loss', d.currency, -m.amount),
        ('card', m.fee_currency, m.fee), ('dispute_fee', m.fee_currency, -m.fee)
    ) l (account, currency, amount)
    WHERE {OF_DISPUTE}"""

ROW = "coalesce(w.source_id, w.refund_id)"

INVARIANTS = {
    "a charge is posted line by line as its legs and shares say": _compared(
        CHARGED, _posted("w.charge_id", "charge")
    ),
    "refunds and borne disputes are posted line by line as they say": _compared(
        RETURNED, _posted(ROW, "refund", "dispute")
    ),
    "what failed or was won later is undone line by line": _compared(
        UNDONE,
        _posted(ROW, "refund_failed", "dispute_reversed", account=PERSON.format("e.account")),
    ),
    "what banks moved for disputes is posted line by line": _compared(
        MOVED, _posted("w.source_id", "dispute_funds", "dispute_fee")
    ),
}
