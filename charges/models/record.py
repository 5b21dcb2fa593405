"""Records of what was said: by the processor to us, and by staff about a charge."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from charges.models.charge import Charge
from charges.models.refund import Refund


class Outcome(models.TextChoices):
    """What came of asking the processor once: `declined` by the card's issuer, `refused` by the
    processor, or by us before it was asked.
    """

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    REQUIRES_ACTION = "requires_action"
    WAITING = "waiting"
    CANCELED = "canceled"
    REFUSED = "refused"
    NOT_EXECUTED = "not_executed"
    REFUSED_FOR_NOW = "refused_for_now"
    UNKNOWN = "unknown"
    NOT_UNDERSTOOD = "not_understood"
    DIFFERS = "differs"


class CardAttempt(models.Model):
    """One conversation with the processor about a charge's card leg, or about a refund of it.

    Written when it ends. A number that is missing was cut off: the process died in it.
    """

    id = models.BigAutoField(primary_key=True)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="card_attempts")
    refund = models.ForeignKey(
        Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="card_attempts"
    )
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    external_id = models.CharField(max_length=255, blank=True)
    code = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    advice_code = models.CharField(max_length=64, blank=True)
    message = models.CharField(max_length=500, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"attempt {self.number}"


class Resolution(models.Model):
    """What a person, or a repair, decided about a charge or refund that nothing else could end."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="resolutions")
    refund = models.ForeignKey(
        Refund, null=True, blank=True, on_delete=models.PROTECT, related_name="resolutions"
    )
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=500)
    evidence = models.CharField(max_length=500, help_text="What the processor said when asked.")
    actor = models.CharField(max_length=200)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.outcome} by {self.actor}"


class Source(models.TextChoices):
    """Who told us of an event."""

    CALLBACK = "callback", "a callback"
    LIST = "list", "Stripe's list, no callback yet"
    LATE_CALLBACK = "late_callback", "Stripe's list, then a callback"


class ProcessorEventQuerySet(models.QuerySet["ProcessorEvent"]):
    def due(self, now: datetime) -> Self:
        return self.filter(next_attempt_at__lte=now)


class ProcessorEvent(models.Model):
    """Stripe told us that something happened to an object. Once per event id.

    Nothing of it is believed: it says which object to fetch. So no more than that is kept.
    """

    id = models.CharField(primary_key=True, max_length=255, help_text="Stripe's evt_…")
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255)
    charge = models.ForeignKey(
        Charge, null=True, blank=True, on_delete=models.PROTECT, related_name="processor_events"
    )
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField()
    source = models.CharField(
        max_length=16, choices=Source.choices, db_default=Source.CALLBACK, help_text="Who told us."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=300, blank=True)

    objects = ProcessorEventQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            # The queue of process_events.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="charges_processorevent_due",
            ),
            # The staff's list, newest first.
            models.Index(fields=["-received_at"], name="charges_processorevent_new"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"


class EventSync(models.Model):
    """How far Stripe's list of the events of some types has been read; by Stripe's clock, but for
    `synced_at`.

    The list is newest first, so it is read backwards down to `read_until`. A walk that is not at
    its end goes on below `cursor`; at its end everything up to `walk_until` has been read.
    """

    types = models.TextField(primary_key=True, help_text="Comma-separated, at most 20.")
    read_until = models.DateTimeField()
    cursor = models.CharField(max_length=255, blank=True, help_text="Stripe's evt_…")
    walk_until = models.DateTimeField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True, help_text="When a walk last ended.")

    class Meta:
        ordering = ["types"]

    def __str__(self) -> str:
        return f"{self.types} until {self.read_until:%Y-%m-%d %H:%M:%S}"
