"""Errors of earlier attempts, told by the library with the URL in them, in our words."""

from django.db import migrations

WORDS = """
UPDATE webhooks_attempt SET error = CASE
    WHEN error ~* '(SSL|certificate)' THEN
        'The TLS handshake failed: is the certificate valid for this host?'
    WHEN error ~* 'refused' THEN 'The connection was refused.'
    WHEN error ~* '(NameResolution|not known|resolve)' THEN 'The host does not resolve.'
    WHEN error ~* '(IncompleteRead|Remote end closed|reset by peer|aborted|broken)' THEN
        'The answer was cut off.'
    ELSE 'The connection failed.' END
WHERE error ~ '^[A-Za-z]+: '
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0005_delivery_age")]

    operations = [migrations.RunSQL(WORDS, migrations.RunSQL.noop)]
