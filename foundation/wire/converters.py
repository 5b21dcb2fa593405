"""Path converters: what is no id is not there (404), and never reaches the database."""

from __future__ import annotations

from django.urls.converters import StringConverter


class CustomerIdConverter(StringConverter):
    """As foundation.wire.serializers.IdField."""

    regex = r"[A-Za-z0-9._:@+-]{1,64}"
