"""Beat's schedule: declared in settings, edited in the admin; and its clock."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import structlog
from celery.schedules import schedstate
from django.db import Error
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import (
    SCHEDULE_SYNC_MAX_INTERVAL,
    DatabaseScheduler,
    ModelEntry,
)

DECLARED = "Declared in settings.py: every {}."
TOLERANCE = timedelta(seconds=1)
"""By so much two beats' clocks may differ without either taking the other's runs for never."""


READ_EVERY = timedelta(seconds=SCHEDULE_SYNC_MAX_INTERVAL)
READ_AGAIN = timedelta(seconds=5)
"""After a schedule that could not be read."""

logger = structlog.get_logger(__name__)


class Entry(ModelEntry):
    """A task whose last run lies in the future has never run: the clock was wrong then."""

    last_run_at: datetime

    def is_due(self) -> schedstate:
        now = timezone.now()
        if self.last_run_at > now + TOLERANCE:
            self.last_run_at = now - getattr(self.schedule, "run_every", timedelta())
        due: schedstate = super().is_due()
        return due


class DeclaredScheduler(DatabaseScheduler):
    """Tasks of the settings are rows; those that staff have given another interval keep it.

    The stock scheduler writes the settings over the rows at each start. Here a row remembers in its
    description what was declared, so that a new release can change what nobody has touched.
    """

    Entry = Entry
    _ticked_at = 0.0
    _schedule: dict[str, ModelEntry] | None
    _last_full_sync: datetime

    def update_from_dict(self, declared: dict[str, dict[str, Any]]) -> None:
        rows = {row.name: row for row in PeriodicTask.objects.filter(name__in=declared)}
        fresh = {
            name: entry | {"description": DECLARED.format(entry["schedule"])}
            for name, entry in declared.items()
            if name not in rows or _is_untouched(rows[name])
        }
        super().update_from_dict(fresh)
        for name, row in rows.items():  # staff choose intervals alone
            if name not in fresh:
                expires = declared[name]["options"]["expire_seconds"]
                PeriodicTask.objects.filter(id=row.id).update(expire_seconds=expires)

    def all_as_schedule(self) -> dict[str, ModelEntry]:
        """While PostgreSQL is away, the schedule as it was read last, with the runs since."""
        try:
            entries: dict[str, ModelEntry] = super().all_as_schedule()
        except Error as error:
            if self._schedule is None:
                raise
            logger.warning("beat.schedule_not_read", error=str(error))
            self._last_full_sync = self._last_full_sync - READ_EVERY + READ_AGAIN
            return {
                name: Entry(known.model, app=self.app) for name, known in self._schedule.items()
            }
        return entries

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """After the clock was set back, the entries are ordered again."""
        now = time.time()
        if now < self._ticked_at:
            self._heap = None
        self._ticked_at = now
        return float(super().tick(*args, **kwargs))


def _is_untouched(row: PeriodicTask) -> bool:
    if row.interval is None:
        return False
    runs_as_declared = DECLARED.format(row.interval.schedule.run_every)
    return row.description in ("", runs_as_declared)
