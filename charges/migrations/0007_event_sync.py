from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('charges', '0006_cancel_requested_at'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventSync',
            fields=[
                ('types', models.TextField(help_text='Comma-separated, at most 20.', primary_key=True, serialize=False)),
                ('read_until', models.DateTimeField()),
                ('cursor', models.CharField(blank=True, help_text="Stripe's evt_…", max_length=255)),
                ('walk_until', models.DateTimeField(blank=True, null=True)),
                ('synced_at', models.DateTimeField(blank=True, help_text='When a walk last ended.', null=True)),
            ],
            options={
                'ordering': ['types'],
            },
        ),
        # The default stays in the database: workers of the release before do not know the column.
        migrations.AddField(
            model_name='processorevent',
            name='source',
            field=models.CharField(choices=[('callback', 'a callback'), ('list', "Stripe's list, no callback yet"), ('late_callback', "Stripe's list, then a callback")], db_default='callback', help_text='Who told us.', max_length=16),
        ),
    ]
