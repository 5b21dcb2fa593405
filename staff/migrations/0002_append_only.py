from django.db import migrations

# An entry that has begun may end, once; nothing else of it ever changes.
FORWARDS = """
CREATE FUNCTION staff_auditentry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.outcome = 'begun'
        AND (to_jsonb(NEW) - '{outcome,answer,after,ended_at}'::text[])
          = (to_jsonb(OLD) - '{outcome,answer,after,ended_at}'::text[]) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'staff_auditentry_append_only';
END $$;
CREATE TRIGGER staff_auditentry_append_only BEFORE UPDATE OR DELETE ON staff_auditentry
    FOR EACH ROW EXECUTE FUNCTION staff_auditentry_append_only();
"""
BACKWARDS = """
DROP TRIGGER staff_auditentry_append_only ON staff_auditentry;
DROP FUNCTION staff_auditentry_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("staff", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
