"""Installment orders and their parts."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from charges.models import Charge
from installments.schedule import Frequency, Remainder
from partners.models import OwnedQuerySet, Partner


class OrderStatus(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELED = "canceled"
    DEFAULTED = "defaulted"


ORDER_SOURCES: dict[OrderStatus, list[OrderStatus]] = {
    OrderStatus.ACTIVE: [OrderStatus.PENDING, OrderStatus.PAUSED],
    OrderStatus.PAUSED: [OrderStatus.ACTIVE],
    OrderStatus.COMPLETED: [OrderStatus.ACTIVE, OrderStatus.PAUSED, OrderStatus.DEFAULTED],
    OrderStatus.CANCELED: [OrderStatus.PENDING, OrderStatus.ACTIVE, OrderStatus.PAUSED],
    OrderStatus.DEFAULTED: [OrderStatus.ACTIVE, OrderStatus.PAUSED],
}


class OrderQuerySet(OwnedQuerySet["InstallmentOrder"]):
    def move(self, to: OrderStatus, **stamps: Any) -> int:
        """Rows whose state allows it are in state `to`; how many were is the verdict."""
        return self.filter(status__in=ORDER_SOURCES[to]).update(status=to, **stamps)


class InstallmentOrder(models.Model):
    """An agreement to pay an amount (minor units of `currency`) in parts, frozen when made."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    customer_id = models.CharField(max_length=64)
    amount = models.BigIntegerField()
    amount_paid = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, choices=OrderStatus.choices)
    past_due = models.BooleanField(default=False)
    installment_count = models.PositiveSmallIntegerField()
    frequency = models.CharField(
        max_length=16, blank=True, choices=[(f.value, f.value) for f in Frequency]
    )
    interval = models.PositiveSmallIntegerField(null=True, blank=True)
    remainder = models.CharField(
        max_length=16, blank=True, choices=[(r.value, r.value) for r in Remainder]
    )
    timezone = models.CharField(max_length=64)
    retry_policy = models.JSONField()
    card = models.CharField(max_length=255, blank=True, help_text="Stripe's pm_… to charge.")
    refused_card = models.CharField(
        max_length=255, blank=True, help_text="The card that a hard decline stopped."
    )
    split_instructions = models.JSONField(default=list)
    auto_apply = models.BooleanField(default=False)
    description = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    default_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    defaulted_at = models.DateTimeField(null=True, blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "idempotency_key"],
                name="installments_installmentorder_idempotency_key",
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount_paid__gte=0, amount_paid__lte=F("amount")),
                name="installments_installmentorder_paid_at_most_amount",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.COMPLETED)
                | Q(completed_at__isnull=False, amount_paid=F("amount")),
                name="installments_installmentorder_completed_is_paid",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.ACTIVE) | Q(activated_at__isnull=False),
                name="installments_installmentorder_activated_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.CANCELED) | Q(canceled_at__isnull=False),
                name="installments_installmentorder_canceled_at",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="installments_order_partner"),
            models.Index(
                fields=["default_at"],
                condition=Q(default_at__isnull=False, status=OrderStatus.ACTIVE),
                name="installments_order_default",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def amount_remaining(self) -> int:
        return self.amount - self.amount_paid


class InstallmentStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    PAID = "paid"
    OVERDUE = "overdue"
    FAILED = "failed"
    CANCELED = "canceled"


T = InstallmentStatus
COLLECTIBLE = [T.PENDING, T.OVERDUE]
"""States from which the sweep collects."""
UNPAID = [T.PENDING, T.OVERDUE, T.FAILED]
"""States without money and without a charge under way."""


class InstallmentQuerySet(OwnedQuerySet["Installment"]):
    def due(self, at: datetime) -> Self:
        """Those that a sweep at that moment would collect, the longest due first.

        Only installments of active orders have a `next_attempt_at`.
        """
        due = self.filter(status__in=COLLECTIBLE, next_attempt_at__lte=at)
        return due.order_by("next_attempt_at", "id")


class Installment(models.Model):
    """One part of an order. `due_at` is the due hour of its local date, as an instant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    order = models.ForeignKey(
        InstallmentOrder, on_delete=models.PROTECT, related_name="installments", db_index=False
    )
    installment_number = models.PositiveSmallIntegerField()
    amount = models.BigIntegerField()
    split_shares = models.JSONField(default=list)
    due_date = models.DateField()
    due_at = models.DateTimeField()
    overdue_from = models.DateTimeField(help_text="The end of the due date, local.")
    status = models.CharField(max_length=16, choices=InstallmentStatus.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    charge = models.ForeignKey(
        Charge, null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    overdue_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = InstallmentQuerySet.as_manager()

    class Meta:
        ordering = ["order", "installment_number"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "installment_number"], name="installments_installment_number"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="installments_installment_amount"
            ),
            models.CheckConstraint(
                condition=Q(status=T.PAID, paid_at__isnull=False, charge__isnull=False)
                | (~Q(status=T.PAID) & Q(paid_at=None)),
                name="installments_installment_paid_at",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[T.PAID, T.FAILED, T.CANCELED]) | Q(next_attempt_at=None),
                name="installments_installment_ended_is_not_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(status__in=COLLECTIBLE, next_attempt_at__isnull=False),
                name="installments_due",
            ),
            models.Index(
                fields=["overdue_from"],
                condition=Q(status=T.PENDING),
                name="installments_becoming_overdue",
            ),
            models.Index(fields=["partner", "-id"], name="installments_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} no. {self.installment_number}"

    @property
    def currency(self) -> str:
        return self.order.currency


class Sweep(models.Model):
    """When a sweep last ended, and what it did: the truth behind `/health/ready`."""

    name = models.CharField(max_length=64, primary_key=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    collected = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return self.name
