"""What the database itself refuses: unbalanced transactions (at commit) and rewritten history."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION wallets_refuse_imbalance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT sum(amount) FROM wallets_ledgerentry
        WHERE transaction_id = NEW.transaction_id) <> 0 THEN
        RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.transaction_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wallets_ledger_zero_sum';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER wallets_ledger_zero_sum
    AFTER INSERT ON wallets_ledgerentry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wallets_refuse_imbalance();

CREATE FUNCTION wallets_refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'wallets_ledger_append_only';
END $$;
CREATE TRIGGER wallets_ledgerentry_append_only BEFORE UPDATE OR DELETE ON wallets_ledgerentry
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_rewriting();
CREATE TRIGGER wallets_ledgertransaction_append_only
    BEFORE UPDATE OR DELETE ON wallets_ledgertransaction
    FOR EACH STATEMENT EXECUTE FUNCTION wallets_refuse_rewriting();
"""

BACKWARD = """
DROP TRIGGER wallets_ledgertransaction_append_only ON wallets_ledgertransaction;
DROP TRIGGER wallets_ledgerentry_append_only ON wallets_ledgerentry;
DROP FUNCTION wallets_refuse_rewriting();
DROP TRIGGER wallets_ledger_zero_sum ON wallets_ledgerentry;
DROP FUNCTION wallets_refuse_imbalance();
"""


class Migration(migrations.Migration):
    dependencies = [("wallets", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
