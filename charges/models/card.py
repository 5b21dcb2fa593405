"""The cards that customers saved with the processor, and those that must not be asked."""

from __future__ import annotations

from datetime import date, datetime
from typing import Self

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from partners.models import OwnedQuerySet, Partner


class PaymentMethodQuerySet(OwnedQuerySet["PaymentMethod"]):
    def on_file(self) -> Self:
        """Those that are not gone."""
        return self.filter(detached_at=None)

    def detach_due(self, now: datetime) -> Self:
        """Removed here, and still to be detached at the processor."""
        return self.filter(next_attempt_at__lte=now)


class PaymentMethod(models.Model):
    """A card that a customer saved with Stripe: its names there, and what may be shown of it.

    `next_attempt_at` is set while its detaching is owed at Stripe: the card is gone here.
    """

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
    chosen_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was last asked for as the default."
    )
    created_at = models.DateTimeField()
    detached_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(
        null=True, blank=True, help_text="When it is detached at Stripe, which is owed."
    )

    objects = PaymentMethodQuerySet.as_manager()

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
            models.CheckConstraint(
                condition=Q(next_attempt_at=None) | Q(detached_at__isnull=False),
                name="charges_paymentmethod_only_removed_is_owed",
            ),
        ]
        indexes = [
            # A customer's cards (cards.on_file).
            models.Index(fields=["partner", "customer_id"], name="charges_paymentmethod_customer"),
            # The cards of a Stripe customer that was deleted (filing.remove_all).
            models.Index(
                fields=["external_customer_id"],
                condition=Q(detached_at=None),
                name="charges_paymentmethod_holder",
            ),
            # The queue of detach_due.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="charges_paymentmethod_owed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.brand} •••• {self.last4}"

    def is_expired(self, today: date) -> bool:
        """Cards work to the end of the month printed on them."""
        return (self.exp_year, self.exp_month) < (today.year, today.month)


class ProcessorCustomer(models.Model):
    """A Stripe customer that stands for a partner's customer, and for nobody else's.

    New cards go to the current one; earlier ones are gone at Stripe, or have cards from before.
    """

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    customer_id = models.CharField(max_length=64)
    external_id = models.CharField(max_length=255, unique=True, help_text="Stripe's cus_…")
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "customer_id"],
                condition=Q(is_current=True),
                name="charges_processorcustomer_one_current",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "customer_id"], name="charges_processorcustomer_of")
        ]

    def __str__(self) -> str:
        return self.external_id


class StoppedCard(models.Model):
    """A card that a hard decline stopped for its customer, saved or not: no order asks it before it
    is renewed, or named again.
    """

    id = models.BigAutoField(primary_key=True)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    customer_id = models.CharField(max_length=64)
    card = models.CharField(max_length=255, help_text="Stripe's pm_….")
    code = models.CharField(max_length=64, blank=True, help_text="Of the decline.")
    stopped_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "customer_id", "card"], name="charges_stoppedcard_once"
            ),
        ]

    def __str__(self) -> str:
        return self.card
