"""What was changed about an order after it was agreed on, for ever."""

from __future__ import annotations

from django.db import models
from uuid_utils.compat import uuid7

from installments.models.order import InstallmentOrder
from partners.models import Partner


class Change(models.TextChoices):
    """What somebody, or a rule of the agreement, did to the order."""

    ACTIVATED = "activated"
    PAUSED = "paused"
    RESUMED = "resumed"
    CANCELED = "canceled"
    RESCHEDULED = "rescheduled"
    TERMS_CHANGED = "terms_changed"
    LATE_FEE_ADDED = "late_fee_added"
    REOPENED = "reopened"
    REINSTATED = "reinstated"
    WRITTEN_OFF = "written_off"


class Revision(models.Model):
    """One change, numbered from 1 in its order: what was before and what is after, as in the API.

    Append-only: the database refuses to rewrite it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    order = models.ForeignKey(
        InstallmentOrder, on_delete=models.PROTECT, related_name="revisions", db_index=False
    )
    number = models.PositiveIntegerField()
    change = models.CharField(max_length=16, choices=Change.choices)
    before = models.JSONField()
    after = models.JSONField()
    reason = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["order", "number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="installments_revision_number")
        ]
        indexes = [models.Index(fields=["partner", "-id"], name="installments_revision_partner")]

    def __str__(self) -> str:
        return f"{self.change} no. {self.number}"
