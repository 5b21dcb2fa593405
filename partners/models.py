"""Partners and the keys they call the API with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self, TypeVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7


class Scope(models.TextChoices):
    READ = "read"
    WALLETS = "wallets:write"
    CHARGES = "charges:write"
    REFUNDS = "refunds:write"
    INSTALLMENTS = "installments:write"
    WEBHOOKS = "webhooks:write"


M_co = TypeVar("M_co", bound=models.Model, covariant=True)

ALL_SCOPES: list[str] = list(Scope.values)


class OwnedQuerySet(models.QuerySet[M_co]):
    """Rows of partners. Every query that serves a partner starts from `owned_by`."""

    def owned_by(self, partner_id: UUID) -> Self:
        return self.filter(partner_id=partner_id)


class Partner(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200, unique=True)
    requests_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Empty: the default of PARTNER_REQUESTS_PER_MINUTE.",
    )
    net_receivables = models.BooleanField(
        default=False,
        help_text="What a wallet owes is taken from later credits and shares that it gets.",
    )
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100, default="default")
    prefix = models.CharField(max_length=32, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices))
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix} ({self.name})"

    def is_live(self, now: datetime) -> bool:
        is_expired = self.expires_at is not None and self.expires_at <= now
        return self.revoked_at is None and not is_expired


class TaskLease(models.Model):
    """Who runs a task of which one run at a time is enough; a run that begins meanwhile leaves word
    that there is more to do.
    """

    name = models.CharField(max_length=200, primary_key=True)
    holder = models.UUIDField()
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    is_wanted = models.BooleanField(default=False, help_text="Somebody else came meanwhile.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


TRIES = 5
"""A row that broke the work on it so often is set aside."""
LONGEST_REST = timedelta(hours=2)


class QuarantineQuerySet(models.QuerySet["Quarantined"]):
    def resting(self, now: datetime) -> Self:
        """Those that are left alone at that moment. Nobody rests longer than LONGEST_REST but who
        waits for a person: an end beyond that was set by a clock that was wrong.
        """
        return self.filter(
            Q(rests_until=None) | Q(rests_until__gt=now, rests_until__lte=now + LONGEST_REST)
        )


class Quarantined(models.Model):
    """A row that broke the work on it: it rests, longer after each failure, so that all others are
    worked off, and is set aside after TRIES. Without failures: the work on it went well since, or
    a person asked to try it again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    work = models.CharField(max_length=40, help_text="What was to be done to the row.")
    model = models.CharField(max_length=60, help_text="What kind of row it is.")
    row_id = models.UUIDField()
    failures = models.PositiveSmallIntegerField(help_text="In a row.")
    reason = models.CharField(max_length=300, help_text="Of the last failure.")
    since = models.DateTimeField(help_text="The first of these failures.")
    failed_at = models.DateTimeField(help_text="The last of them.")
    rests_until = models.DateTimeField(
        null=True, help_text="It is not tried before; empty: until somebody asks for it."
    )
    set_aside_at = models.DateTimeField(null=True)

    objects = QuarantineQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "quarantined row"
        constraints = [
            models.UniqueConstraint(fields=["row_id", "work"], name="partners_quarantined_row"),
            models.CheckConstraint(
                condition=Q(set_aside_at=None, failures__lt=TRIES, rests_until__isnull=False)
                | Q(set_aside_at__isnull=False, failures__gte=TRIES),
                name="partners_quarantined_set_aside",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.work}: {self.model} {self.row_id}"
