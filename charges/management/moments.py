"""Times as operators write them."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime


def moment_of(text: str) -> datetime:
    """The ISO 8601 time, or the beginning of the date, in UTC unless it says otherwise."""
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 -- made aware below
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"--since {text!r} is not an ISO 8601 date or time.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
