"""When a sweep last ran."""

from __future__ import annotations

from datetime import datetime

from django.db import models


class Sweep(models.Model):
    """When a sweep last ended, and what it did: the truth behind `/health/ready`."""

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    progressed_at = models.DateTimeField(
        null=True, help_text="When a run last got on: a catch-up of hours is alive."
    )
    finished_at = models.DateTimeField(null=True, help_text="Empty: its first run is under way.")
    dates_kept_at = models.DateTimeField(
        null=True, help_text="When parts were last compared with the clocks of their time zones."
    )
    collected = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name

    @property
    def alive_at(self) -> datetime | None:
        """When it last ended, or got on."""
        return max(filter(None, (self.finished_at, self.progressed_at)), default=None)
