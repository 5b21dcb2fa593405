"""When a sweep last ran."""

from __future__ import annotations

from django.db import models


class Sweep(models.Model):
    """When a sweep last ended, and what it did: the truth behind `/health/ready`."""

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    collected = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
