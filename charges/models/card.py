"""The cards that customers saved with the processor."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from partners.models import OwnedQuerySet, Partner


class PaymentMethod(models.Model):
    """A card that a customer saved with Stripe: its names there, and what may be shown of it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    customer_id = models.CharField(max_length=64)
    external_id = models.CharField(max_length=255, unique=True, help_text="Stripe's pm_…")
    external_customer_id = models.CharField(max_length=255, help_text="Stripe's cus_…")
    brand = models.CharField(max_length=32)
    last4 = models.CharField(max_length=4)
    exp_month = models.PositiveSmallIntegerField()
    exp_year = models.PositiveSmallIntegerField()
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    detached_at = models.DateTimeField(null=True, blank=True)

    objects: models.Manager[PaymentMethod] = OwnedQuerySet["PaymentMethod"].as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "customer_id"],
                condition=Q(is_default=True),
                name="charges_paymentmethod_one_default",
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(detached_at=None),
                name="charges_paymentmethod_default_is_attached",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "customer_id"], name="charges_paymentmethod_customer")
        ]

    def __str__(self) -> str:
        return f"{self.brand} •••• {self.last4}"

    def is_expired(self, today: date) -> bool:
        """Cards work to the end of the month printed on them."""
        return (self.exp_year, self.exp_month) < (today.year, today.month)


class ProcessorCustomer(models.Model):
    """The Stripe customer that stands for a partner's customer."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    customer_id = models.CharField(max_length=64)
    external_id = models.CharField(max_length=255, unique=True, help_text="Stripe's cus_…")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "customer_id"], name="charges_processorcustomer_once"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id
