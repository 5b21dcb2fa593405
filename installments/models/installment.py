"""One installment of an order, and how far collecting it has come."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from charges.models import Charge
from foundation.states import Moves
from installments import schedule
from installments.as_of import AsOf
from installments.models.order import InstallmentOrder, OrderStatus
from partners.models import OwnedQuerySet, Partner

USED_UP = "The schedule of retries is used up: it is not tried again by itself."


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
LATE = [T.OVERDUE, T.FAILED]
UNPAID = [T.PENDING, T.OVERDUE, T.FAILED]
"""States without money and without a charge under way."""
STARTED_OVER = [
    "due_date",
    "due_at",
    "overdue_from",
    "late_fee_from",
    "status",
    "attempts",
    "next_attempt_at",
    "tried_at",
    "overdue_at",
    "default_at",
    "reminded_at",
    "updated_at",
]
"""What `start_over` changes."""


class InstallmentQuerySet(OwnedQuerySet["Installment"]):
    def due(self, as_of: AsOf) -> Self:
        """Those that a sweep at that moment would collect, the longest due first.

        Only installments of active orders have a `next_attempt_at`.
        """
        due = self.filter(as_of.until("next_attempt_at"), status__in=COLLECTIBLE)
        return due.order_by("next_attempt_at", "id")


class Installment(models.Model):
    """One installment of an order. `due_at` is the due hour of its local date, as an instant."""

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
    overdue_from = models.DateTimeField(
        help_text="The end of the due date and the days of grace, local."
    )
    late_fee_from = models.DateTimeField(
        null=True, blank=True, help_text="Unpaid then, it owes a late fee. Empty: none, or it does."
    )
    late_fee = models.BigIntegerField(default=0, help_text="Owed on top of the amount.")
    status = models.CharField(max_length=16, choices=InstallmentStatus.choices)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(
        null=True, blank=True, help_text="The last try of the schedule, as of when it was made."
    )
    reminded_at = models.DateTimeField(null=True, blank=True)
    charge = models.ForeignKey(
        Charge, null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    overdue_at = models.DateTimeField(null=True, blank=True)
    default_at = models.DateTimeField(
        null=True, blank=True, help_text="Its tries are used up; unpaid then, the order defaults."
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    MOVES: ClassVar[Moves] = {
        T.PENDING: [T.PENDING, T.PROCESSING, T.PAID, T.OVERDUE, T.FAILED, T.CANCELED],
        T.PROCESSING: [T.PENDING, T.PROCESSING, T.PAID, T.OVERDUE, T.FAILED, T.CANCELED],
        T.OVERDUE: [T.PENDING, T.PROCESSING, T.PAID, T.OVERDUE, T.FAILED, T.CANCELED],
        T.FAILED: [T.PENDING, T.PROCESSING, T.PAID, T.FAILED, T.CANCELED],
        T.PAID: [T.PENDING, T.OVERDUE],  # reopened
        T.CANCELED: [],
    }
    objects = InstallmentQuerySet.as_manager()

    class Meta:
        ordering = ["order", "installment_number"]
        constraints = [
            models.UniqueConstraint(
                fields=["order", "installment_number"], name="installments_installment_number"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, late_fee__gte=0), name="installments_installment_amount"
            ),
            models.CheckConstraint(
                condition=Q(status=T.PAID, paid_at__isnull=False, charge__isnull=False)
                | (~Q(status=T.PAID) & Q(paid_at=None)),
                name="installments_installment_paid_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=T.FAILED) | Q(default_at__isnull=False),
                name="installments_installment_failed_has_default_at",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[T.PAID, T.FAILED, T.CANCELED]) | Q(next_attempt_at=None),
                name="installments_installment_ended_is_not_due",
            ),
        ]
        indexes = [
            # The queue of the sweep (InstallmentQuerySet.due).
            models.Index(
                fields=["next_attempt_at", "id"],
                condition=Q(status__in=COLLECTIBLE, next_attempt_at__isnull=False),
                name="installments_due",
            ),
            # aging.becoming_overdue: those that wait, however many ended orders left behind.
            models.Index(
                fields=["overdue_from"],
                condition=Q(status=T.PENDING, next_attempt_at__isnull=False),
                name="installments_becoming_overdue",
            ),
            # aging.to_remind_of.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(status=T.PENDING, attempts=0, reminded_at=None),
                name="installments_to_remind_of",
            ),
            # aging.owing_late_fees, of what is still tried.
            models.Index(
                fields=["late_fee_from"],
                condition=Q(
                    status=T.OVERDUE, next_attempt_at__isnull=False, late_fee_from__isnull=False
                ),
                name="installments_owing_late_fees",
            ),
            # Late ones, the longest due first (collection.coverable).
            models.Index(fields=["due_at"], condition=Q(status__in=LATE), name="installments_late"),
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="installments_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id} no. {self.installment_number}"

    @property
    def currency(self) -> str:
        return self.order.currency

    def fall_due(self, day: date) -> None:
        """The installment is due on that local date: every moment that hangs on it follows."""
        order = self.order
        grace = timedelta(days=order.retry_policy["grace_days"])
        self.due_date = day
        self.due_at = schedule.moment(day, order.due_hour, order.timezone)
        self.overdue_from = schedule.end_of(day + grace, order.timezone)
        self.late_fee_from = None
        if order.late_fee and not self.late_fee:
            late = grace + timedelta(days=order.late_fee["grace_days"])
            self.late_fee_from = schedule.end_of(day + late, order.timezone)

    def start_over(self, day: date, now: datetime) -> None:
        """The installment waits for that local date, with all tries of the policy before it; of an
        active order it is tried then, or at once. A late fee that it owes stays.
        """
        self.fall_due(day)
        self.status, self.attempts, self.next_attempt_at = T.PENDING, 0, None
        self.tried_at = self.overdue_at = self.default_at = self.reminded_at = None
        if self.order.status == OrderStatus.ACTIVE:
            today = schedule.local_date(now, self.order.timezone)
            self.next_attempt_at = self.due_at if day > today else now
        self.updated_at = now

    @property
    def owed(self) -> int:
        """What paying it takes, in minor units."""
        return self.amount + self.late_fee

    @property
    def why_not(self) -> str:
        """Why nothing tries to collect it by itself; empty while something does."""
        if self.status in (T.PROCESSING, T.PAID):
            return ""
        used_up = "" if self.next_attempt_at else USED_UP
        return self.order.not_collected or used_up

    @property
    def failure(self) -> dict[str, Any] | None:
        """Why its last charge failed, with what follows as it stands now."""
        failure = self.charge and self.charge.failure
        if not failure:
            return None
        why_not = self.why_not
        will_retry = not why_not and self.status in COLLECTIBLE
        return failure | {
            "will_retry": will_retry,
            "next_attempt_at": self.next_attempt_at if will_retry else None,
            "why_not": why_not or None,
        }
