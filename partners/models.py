"""Partners and the keys they call the API with."""

from __future__ import annotations

from datetime import datetime
from typing import Self, TypeVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
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
