"""An order: the agreement, and where it stands."""

from __future__ import annotations

from typing import ClassVar, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from uuid_utils.compat import uuid7

from charges.models import PaymentMethod, StoppedCard
from foundation.constraints import stamped
from foundation.states import Moves
from installments.schedule import Frequency, Remainder
from partners.models import OwnedQuerySet, Partner


class OrderStatus(models.TextChoices):
    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELED = "canceled"
    DEFAULTED = "defaulted"
    WRITTEN_OFF = "written_off"


S = OrderStatus
GIVEN_UP = [OrderStatus.CANCELED, OrderStatus.WRITTEN_OFF]
"""Nothing of these is collected ever again."""

NOT_COLLECTED = {
    OrderStatus.PENDING: "nothing is collected before it is activated.",
    OrderStatus.PAUSED: "it is tried again when the order resumes.",
    OrderStatus.CANCELED: "it is not tried again.",
    OrderStatus.DEFAULTED: "it is not tried again by itself.",
    OrderStatus.WRITTEN_OFF: "it is not tried again.",
}
"""What it means for an installment that its order is not active."""


class OrderQuerySet(OwnedQuerySet["InstallmentOrder"]):
    def with_installments(self) -> Self:
        """Each with all that it shows: its installments and their charges, its refused cards."""
        return self.with_refusals().prefetch_related("installments__charge")

    def with_refusals(self) -> Self:
        """Each with what `refused_cards` tells."""
        stopped = StoppedCard.objects.filter(
            partner=OuterRef("partner"), customer_id=OuterRef("customer_id")
        )
        removed = PaymentMethod.objects.filter(
            external_id=OuterRef("card"), detached_at__isnull=False
        )
        return self.annotate(
            stopped_cards=ArraySubquery(stopped.values("card")), is_card_removed=Exists(removed)
        )


class InstallmentOrder(models.Model):
    """An agreement to pay an amount (minor units of `currency`) in installments, frozen."""

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
    due_hour = models.PositiveSmallIntegerField(help_text="Local hour from which a part is due.")
    retry_policy = models.JSONField()
    late_fee = models.JSONField(null=True, blank=True, help_text="Its terms; empty: none.")
    card = models.CharField(max_length=255, blank=True, help_text="Stripe's pm_… to charge.")
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
    paused_at = models.DateTimeField(null=True, blank=True)
    is_paused_on_request = models.BooleanField(
        default=False, help_text="The end of a dispute alone does not resume it."
    )
    completed_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    defaulted_at = models.DateTimeField(null=True, blank=True)
    written_off_at = models.DateTimeField(null=True, blank=True)

    MOVES: ClassVar[Moves] = {
        S.PENDING: [S.ACTIVE, S.CANCELED],
        S.ACTIVE: [S.PAUSED, S.COMPLETED, S.DEFAULTED, S.CANCELED, S.WRITTEN_OFF],
        S.PAUSED: [S.ACTIVE, S.COMPLETED, S.DEFAULTED, S.CANCELED, S.WRITTEN_OFF],
        S.DEFAULTED: [S.ACTIVE, S.COMPLETED, S.WRITTEN_OFF],
        S.COMPLETED: [S.ACTIVE],
        S.CANCELED: [],
        S.WRITTEN_OFF: [],
    }
    objects = OrderQuerySet.as_manager()

    stopped_cards: list[str]
    is_card_removed: bool

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
                condition=Q(
                    status=OrderStatus.COMPLETED,
                    completed_at__isnull=False,
                    amount_paid=F("amount"),
                )
                | (~Q(status=OrderStatus.COMPLETED) & Q(completed_at=None)),
                name="installments_installmentorder_completed_is_paid",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.ACTIVE) | Q(activated_at__isnull=False),
                name="installments_installmentorder_activated_at",
            ),
            models.CheckConstraint(
                condition=Q(status=OrderStatus.PAUSED, paused_at__isnull=False)
                | (~Q(status=OrderStatus.PAUSED) & Q(paused_at=None, is_paused_on_request=False)),
                name="installments_installmentorder_paused_at",
            ),
            models.CheckConstraint(
                condition=Q(due_hour__lte=23), name="installments_installmentorder_due_hour"
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.CANCELED) | Q(canceled_at__isnull=False),
                name="installments_installmentorder_canceled_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=OrderStatus.DEFAULTED) | Q(defaulted_at__isnull=False),
                name="installments_installmentorder_defaulted_at",
            ),
            stamped(
                OrderStatus.WRITTEN_OFF,
                "written_off_at",
                name="installments_installmentorder_written_off_at",
            ),
        ]
        indexes = [
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="installments_order_partner"),
            # A customer's orders.
            models.Index(fields=["partner", "customer_id", "-id"], name="installments_order_owner"),
            # Which orders default now (aging.defaulting): open ones alone.
            models.Index(
                fields=["default_at"],
                condition=Q(default_at__isnull=False, status=OrderStatus.ACTIVE),
                name="installments_order_default",
            ),
            # Whose late installments a credit may pay (collection.coverable).
            models.Index(
                fields=["partner", "customer_id"],
                condition=Q(status=OrderStatus.ACTIVE, past_due=True, auto_apply=True),
                name="installments_order_settling",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def not_collected(self) -> str:
        """Why nothing of it is collected by itself; empty while it is."""
        if self.status not in NOT_COLLECTED:
            return ""
        status = self.status.replace("_", " ")
        return f"Its order is {status}: {NOT_COLLECTED[OrderStatus(self.status)]}"

    @property
    def pause_reason(self) -> str | None:
        """What must end before it resumes: `requested`, or `disputed`, whose end resumes it."""
        if self.status != OrderStatus.PAUSED:
            return None
        return "requested" if self.is_paused_on_request else "disputed"

    @property
    def is_paused_by_disputes(self) -> bool:
        """And by nothing else."""
        return self.pause_reason == "disputed"

    @property
    def refused_cards(self) -> list[str]:
        """Cards of its customer that a hard decline stopped, and its own when that was removed: it
        asks none of them. Of orders `with_refusals` alone.
        """
        own = [self.card] if self.is_card_removed else []
        return sorted({*self.stopped_cards, *own})

    @property
    def amount_remaining(self) -> int:
        return self.amount - self.amount_paid

    @property
    def amount_written_off(self) -> int:
        """What was given up of it, late fees apart; less when a late payment still came."""
        return self.amount_remaining if self.status == OrderStatus.WRITTEN_OFF else 0
