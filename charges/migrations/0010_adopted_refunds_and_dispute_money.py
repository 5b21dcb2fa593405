"""Refunds made at Stripe, the money that disputes move, and who owes what is receivable.

What was posted before is carried over as it would be posted now. A lost dispute was posted against
`card` and is now against `loss`; what the bank took is posted when it is heard of again
(`reconcile_stripe --fix-safe`). A receivable entry stood for all debtors of its transaction; now
each is named. No wallet's balance changes.
"""

import django.db.models.deletion
import uuid_utils.compat
from django.db import migrations, models

CARRY_OVER = """
UPDATE charges_refund SET origin = 'staff' WHERE actor LIKE 'staff:%';

INSERT INTO charges_disputeallocation
    (id, dispute_id, amount, split_reversals, late_fee_reversed, created_at)
SELECT gen_random_uuid(), id, external_leg, split_reversals, late_fee_reversed,
    coalesce(closed_at, updated_at)
FROM charges_dispute WHERE external_leg > 0;

ALTER TABLE wallets_ledgertransaction DISABLE TRIGGER USER;
ALTER TABLE wallets_ledgerentry DISABLE TRIGGER USER;

UPDATE wallets_ledgertransaction t SET source_id = a.id
FROM charges_disputeallocation a WHERE t.dispute_id = a.dispute_id AND t.kind = 'dispute';
UPDATE wallets_ledgerentry e SET account = 'loss'
FROM wallets_ledgertransaction t
WHERE t.id = e.transaction_id AND t.kind = 'dispute' AND e.account = 'card';

CREATE TEMP TABLE unnamed ON COMMIT DROP AS
SELECT e.id, e.transaction_id, e.amount, t.kind, t.partner_id, r.wallet_id AS payer_id,
    coalesce(r.split_reversals, a.split_reversals) AS reversals
FROM wallets_ledgerentry e JOIN wallets_ledgertransaction t ON t.id = e.transaction_id
LEFT JOIN charges_refund r ON r.id = t.refund_id
LEFT JOIN charges_disputeallocation a ON a.id = t.source_id
WHERE e.account = 'receivable' AND e.owed_by_id IS NULL;

CREATE TEMP TABLE named ON COMMIT DROP AS
SELECT u.transaction_id, w.id AS wallet_id,
    (x->>'receivable')::bigint * CASE u.kind WHEN 'refund_failed' THEN 1 ELSE -1 END AS amount
FROM unnamed u CROSS JOIN LATERAL jsonb_array_elements(u.reversals) x
JOIN wallets_wallet w ON w.partner_id = u.partner_id AND w.customer_id = x->>'recipient'
WHERE (x->>'receivable')::bigint <> 0;

INSERT INTO named
SELECT u.transaction_id, u.payer_id, u.amount - coalesce(n.amount, 0)
FROM unnamed u LEFT JOIN (
    SELECT transaction_id, sum(amount) AS amount FROM named GROUP BY transaction_id
) n USING (transaction_id)
WHERE u.amount <> coalesce(n.amount, 0);

INSERT INTO wallets_ledgerentry (transaction_id, account, owed_by_id, amount)
SELECT transaction_id, 'receivable', wallet_id, amount FROM named;
DELETE FROM wallets_ledgerentry e USING unnamed u WHERE e.id = u.id;
UPDATE wallets_wallet w SET receivable = o.owed
FROM (SELECT owed_by_id, -sum(amount) AS owed FROM wallets_ledgerentry
      WHERE owed_by_id IS NOT NULL GROUP BY owed_by_id) o
WHERE w.id = o.owed_by_id;

SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE wallets_ledgertransaction ENABLE TRIGGER USER;
ALTER TABLE wallets_ledgerentry ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0009_reopened_charges'),
        ('partners', '0001_initial'),
        ('wallets', '0005_receivables_and_dispute_money'),
    ]

    operations = [
        migrations.CreateModel(
            name='DisputeAllocation',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('amount', models.BigIntegerField()),
                ('split_reversals', models.JSONField(default=list)),
                ('late_fee_reversed', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField()),
                ('reversed_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='DisputeMovement',
            fields=[
                ('id', models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False)),
                ('external_id', models.CharField(help_text="Stripe's txn_…", max_length=255, unique=True)),
                ('amount', models.BigIntegerField()),
                ('fee', models.BigIntegerField(default=0)),
                ('fee_currency', models.CharField(max_length=3)),
                ('happened_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.AddField(
            model_name='dispute',
            name='withdrawn',
            field=models.BigIntegerField(default=0, help_text='What the bank has taken and not given back.'),
        ),
        migrations.AddField(
            model_name='refund',
            name='origin',
            field=models.CharField(choices=[('api', 'Api'), ('staff', 'Staff'), ('processor', 'Processor')], default='api', max_length=16),
        ),
        migrations.AlterField(
            model_name='cardattempt',
            name='outcome',
            field=models.CharField(choices=[('succeeded', 'Succeeded'), ('declined', 'Declined'), ('requires_action', 'Requires Action'), ('waiting', 'Waiting'), ('canceled', 'Canceled'), ('refused', 'Refused'), ('not_executed', 'Not Executed'), ('refused_for_now', 'Refused For Now'), ('unknown', 'Unknown'), ('not_understood', 'Not Understood'), ('differs', 'Differs')], max_length=16),
        ),
        migrations.AlterField(
            model_name='refund',
            name='fingerprint',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name='refund',
            name='idempotency_key',
            field=models.CharField(blank=True, max_length=255, null=True),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('external_refund_id__isnull', False), ('origin', 'processor')), models.Q(models.Q(('origin', 'processor'), _negated=True), ('idempotency_key__isnull', False)), _connector='OR'), name='charges_refund_has_its_name'),
        ),
        migrations.AddField(
            model_name='disputeallocation',
            name='dispute',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='charges.dispute'),
        ),
        migrations.AddField(
            model_name='disputemovement',
            name='dispute',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='movements', to='charges.dispute'),
        ),
        migrations.AddConstraint(
            model_name='disputeallocation',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='charges_disputeallocation_amount'),
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
        migrations.RemoveField(
            model_name='dispute',
            name='late_fee_reversed',
        ),
        migrations.RemoveField(
            model_name='dispute',
            name='split_reversals',
        ),
    ]
