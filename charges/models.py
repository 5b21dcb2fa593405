"""Charges and the cards they may use."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from partners.models import OwnedQuerySet, Partner
from wallets.models import Wallet


class ChargeStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REQUIRES_ACTION = "requires_action"
    UNKNOWN = "unknown"
    CANCELED = "canceled"


S = ChargeStatus
# Which states a charge may come from. A charge may also be born succeeded, processing or failed,
# when its claim is decided in the transaction that creates it.
SOURCES: dict[ChargeStatus, list[ChargeStatus]] = {
    S.PROCESSING: [S.PENDING, S.PROCESSING],
    S.SUCCEEDED: [S.PENDING, S.PROCESSING, S.REQUIRES_ACTION, S.UNKNOWN],
    S.FAILED: [S.PENDING, S.PROCESSING, S.REQUIRES_ACTION, S.UNKNOWN],
    S.UNKNOWN: [S.PROCESSING, S.UNKNOWN],
}
OPEN = [S.PENDING, S.PROCESSING, S.REQUIRES_ACTION, S.UNKNOWN]
WITH_PROCESSOR = [S.PROCESSING, S.UNKNOWN]
"""The card leg is claimed and has no outcome yet."""


class ChargeQuerySet(OwnedQuerySet["Charge"]):
    def move(self, to: ChargeStatus, **stamps: Any) -> int:
        """Rows whose state allows it are in state `to`; how many were is the verdict."""
        return self.filter(status__in=SOURCES[to]).update(status=to, **stamps)

    def due(self, now: datetime) -> Self:
        """Open charges that somebody should look at."""
        return self.filter(status__in=OPEN, next_attempt_at__lte=now)


class Charge(models.Model):
    """One attempt to collect an amount (minor units of `currency`) from a customer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    customer_id = models.CharField(max_length=64)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, choices=ChargeStatus.choices)
    wallet = models.ForeignKey(
        Wallet, null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    use_wallet = models.BooleanField(default=True)
    wallet_amount = models.BigIntegerField(default=0)
    external_amount = models.BigIntegerField(default=0)
    card = models.CharField(max_length=255, blank=True, help_text="Stripe's pm_… to charge.")
    external_charge_id = models.CharField(  # noqa: DJ001 -- unique
        max_length=255, null=True, blank=True, help_text="Stripe's pi_…"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    needs_review = models.CharField(max_length=300, blank=True)
    split_instructions = models.JSONField(default=list)
    split_shares = models.JSONField(default=list)
    installment_id = models.UUIDField(null=True, blank=True)
    installment_order_id = models.UUIDField(null=True, blank=True)
    description = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_decline_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    amount_refunded = models.BigIntegerField(default=0)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 -- unique
    fingerprint = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    objects = ChargeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="charges_charge_idempotency_key",
            ),
            models.UniqueConstraint(
                fields=["external_charge_id"],
                condition=Q(external_charge_id__isnull=False),
                name="charges_charge_external_charge_id",
            ),
            models.UniqueConstraint(
                fields=["installment_id"],
                condition=Q(installment_id__isnull=False, status__in=[*OPEN, S.SUCCEEDED]),
                name="charges_charge_one_live_per_installment",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="charges_charge_amount"),
            models.CheckConstraint(
                condition=Q(wallet_amount=0, external_amount=0)
                | Q(
                    wallet_amount__gte=0,
                    external_amount__gte=0,
                    amount=F("wallet_amount") + F("external_amount"),
                ),
                name="charges_charge_legs_sum_to_amount",
            ),
            models.CheckConstraint(
                condition=Q(wallet_amount=0) | Q(wallet__isnull=False),
                name="charges_charge_wallet_leg_has_wallet",
            ),
            models.CheckConstraint(
                condition=Q(status=S.SUCCEEDED, succeeded_at__isnull=False)
                | (~Q(status=S.SUCCEEDED) & Q(succeeded_at=None)),
                name="charges_charge_succeeded_at",
            ),
            models.CheckConstraint(
                condition=Q(status=S.FAILED, failed_at__isnull=False)
                | (~Q(status=S.FAILED) & Q(failed_at=None)),
                name="charges_charge_failed_at",
            ),
            models.CheckConstraint(
                condition=Q(amount_refunded__gte=0, amount_refunded__lte=F("amount")),
                name="charges_charge_refunded_at_most_amount",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[S.PENDING, S.PROCESSING])
                | Q(next_attempt_at__isnull=False)
                | ~Q(needs_review=""),
                name="charges_charge_open_is_found",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="charges_charge_partner"),
            models.Index(fields=["partner", "customer_id", "-id"], name="charges_charge_customer"),
            models.Index(
                fields=["installment_order_id"],
                condition=Q(installment_order_id__isnull=False),
                name="charges_charge_order",
            ),
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="charges_charge_due",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def payment_method(self) -> str | None:
        """Which legs it has: None until they are decided, or when nothing could be collected."""
        legs = [
            name
            for name, part in (("wallet", self.wallet_amount), ("external", self.external_amount))
            if part
        ]
        return "+".join(legs) or None

    @property
    def refund_status(self) -> str:
        if not self.amount_refunded:
            return "none"
        return "full" if self.amount_refunded == self.amount else "partial"

    @property
    def failure(self) -> dict[str, str | None] | None:
        if not self.failure_code:
            return None
        return {
            "code": self.failure_code,
            "decline_code": self.failure_decline_code or None,
            "message": self.failure_message,
        }

    @property
    def is_terminal(self) -> bool:
        return self.status not in OPEN


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
