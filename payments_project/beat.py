"""Beat's schedule: declared in settings, edited in the admin."""

from __future__ import annotations

from typing import Any

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

DECLARED = "Declared in settings.py: every {}."


class DeclaredScheduler(DatabaseScheduler):
    """Tasks of the settings are rows; those that staff have given another interval keep it.

    The stock scheduler writes the settings over the rows at each start. Here a row remembers in its
    description what was declared, so that a new release can change what nobody has touched.
    """

    def update_from_dict(self, declared: dict[str, dict[str, Any]]) -> None:
        rows = {row.name: row for row in PeriodicTask.objects.filter(name__in=declared)}
        fresh = {
            name: entry | {"description": DECLARED.format(entry["schedule"])}
            for name, entry in declared.items()
            if name not in rows or _is_untouched(rows[name])
        }
        super().update_from_dict(fresh)


def _is_untouched(row: PeriodicTask) -> bool:
    if row.interval is None:
        return False
    runs_as_declared = DECLARED.format(row.interval.schedule.run_every)
    return row.description in ("", runs_as_declared)
