"""Events, the endpoints that want them, and the deliveries owed.

This app is ground: an event is an opaque fact of some resource, whoever published it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from foundation import states
from foundation.constraints import stamped
from foundation.states import Moves
from partners.models import OwnedQuerySet, Partner

TEST = "endpoint.test"
"""The type of events that partners ask for to try an endpoint: nobody subscribes to it."""


class EndpointQuerySet(OwnedQuerySet["Endpoint"]):
    def of_partners(self) -> Self:
        """Endpoints that partners made, without the operator's and the deleted."""
        return self.filter(partner__isnull=False, deleted_at=None)


class Endpoint(models.Model):
    """A URL that wants events. Without a partner it is the operator's: it gets everyone's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, null=True, blank=True, on_delete=models.PROTECT)
    url = models.CharField(max_length=2000)
    event_types = ArrayField(
        models.CharField(max_length=64), default=list, blank=True, help_text="Empty: all."
    )
    description = models.CharField(max_length=500, blank=True)
    secret = models.CharField(max_length=100, blank=True, editable=False)
    previous_secret = models.CharField(max_length=100, blank=True, editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    is_active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="Since the last success."
    )
    rests_until = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_reason = models.CharField(max_length=200, blank=True, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["url"], condition=Q(partner=None), name="webhooks_endpoint_operator_url"
            ),
        ]

    def __str__(self) -> str:
        """Without the query, which may carry a token."""
        return self.url.partition("?")[0]


class Settled(models.Func):
    """Every transaction with a smaller number has ended (the snapshot's xmin)."""

    template = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    output_field = models.BigIntegerField()


class EventQuerySet(OwnedQuerySet["Event"]):
    def after(self, event: Event | None) -> Self:
        """Those that come after it in the feed, from the first one on without it.

        In the order in which their transactions began to write, and only as far as all of them
        have ended: no event ever appears before one that has been read.
        """
        settled = self.filter(transaction_id__lt=Settled())
        if event:
            settled = settled.filter(
                Q(transaction_id__gt=event.transaction_id)
                | Q(transaction_id=event.transaction_id, id__gt=event.id)
            )
        return settled.order_by("transaction_id", "id")


class Event(models.Model):
    """A fact, frozen when it happened. `data` is the JSON text of the resource at that moment."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    type = models.CharField(max_length=64)
    resource_id = models.UUIDField()
    sequence = models.PositiveIntegerField()
    data = models.TextField()
    request_id = models.CharField(max_length=128, blank=True)
    transaction_id = models.BigIntegerField(
        default=0, editable=False, help_text="PostgreSQL's number of who published it."
    )
    created_at = models.DateTimeField()

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["resource_id", "sequence"], name="webhooks_event_sequence"
            ),
        ]
        indexes = [
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="webhooks_event_partner"),
            # GET /events?after=: by transaction, so that nothing that commits late is passed by.
            models.Index(fields=["partner", "transaction_id", "id"], name="webhooks_event_feed"),
        ]

    def __str__(self) -> str:
        return f"{self.type} #{self.sequence}"


class DeliveryStatus(models.TextChoices):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXHAUSTED = "exhausted"


S = DeliveryStatus
OPEN_DELIVERIES = [S.PENDING, S.FAILED]


class DeliveryQuerySet(OwnedQuerySet["Delivery"]):
    def due(self, now: datetime) -> Self:
        return self.filter(next_attempt_at__lte=now)

    def requeue(self, now: datetime) -> int:
        """They are due now, with the whole ladder before them; how many is the answer."""
        return states.move(
            self,
            S.PENDING,
            next_attempt_at=now,
            is_leased=False,
            delivered_at=None,
            replayed_after=F("attempt_count"),
        )


class Delivery(models.Model):
    """One event owed to one endpoint: `failed` will be tried again, `exhausted` will not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    status = models.CharField(max_length=16, choices=DeliveryStatus.choices)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    replayed_after = models.PositiveSmallIntegerField(
        default=0, help_text="Attempts before the last replay: the ladder begins anew after them."
    )
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    is_leased = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="A sender has it until the next attempt's time.",
    )
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    # A replay owes it again, whatever became of it.
    MOVES: ClassVar[Moves] = {
        S.PENDING: [S.PENDING, S.DELIVERED, S.FAILED, S.EXHAUSTED],
        S.FAILED: [S.PENDING, S.DELIVERED, S.FAILED, S.EXHAUSTED],
        S.DELIVERED: [S.PENDING],
        S.EXHAUSTED: [S.PENDING],
    }
    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["event", "endpoint"], name="webhooks_delivery_once_per_endpoint"
            ),
            models.CheckConstraint(
                condition=Q(status__in=OPEN_DELIVERIES, next_attempt_at__isnull=False)
                | (~Q(status__in=OPEN_DELIVERIES) & Q(next_attempt_at=None)),
                name="webhooks_delivery_open_has_next_attempt",
            ),
            stamped(
                DeliveryStatus.DELIVERED, "delivered_at", name="webhooks_delivery_delivered_at"
            ),
        ]
        indexes = [
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="webhooks_delivery_partner"),
            # What prune removes: old rows lie together.
            BrinIndex(fields=["created_at"], name="webhooks_delivery_age"),
            # One probe an endpoint, then its queue (claiming.DUE_ENDPOINTS, CLAIM).
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                condition=Q(next_attempt_at__isnull=False),
                name="webhooks_delivery_due",
            ),
            # What a clock that was wrong put too far ahead (claiming.RETRIEVE).
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False)
                & (Q(is_leased=True) | Q(status=DeliveryStatus.PENDING)),
                name="webhooks_delivery_at_once",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Attempt(models.Model):
    """One POST of a delivery and what came of it."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(
        Delivery, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    response_status = models.PositiveSmallIntegerField(null=True)
    response_excerpt = models.CharField(max_length=500, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = [F("number").asc()]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhooks_attempt_number"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"
