"""What staff did, and what they asked another person to allow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from foundation.states import Moves
from partners.models import Partner

# What a person may be allowed to do; groups.py says who is.
PERMISSIONS: list[tuple[str, str | Any]] = [
    ("wallet_credit", "Can credit wallets"),
    ("wallet_debit", "Can debit wallets"),
    ("wallet_freeze", "Can freeze and unfreeze wallets"),
    ("ledger_adjust", "Can adjust partners' accounts"),
    ("charge_refund", "Can refund charges"),
    ("charge_cancel", "Can cancel charges"),
    ("review_resolve", "Can resolve what needs a review"),
    ("order_pause", "Can pause and resume orders"),
    ("order_cancel", "Can cancel orders"),
    ("order_reinstate", "Can reinstate defaulted orders"),
    ("order_write_off", "Can write off orders"),
    ("installment_collect", "Can collect installments"),
    ("installment_reschedule", "Can reschedule installments"),
    ("installment_reopen", "Can reopen installments whose money went back"),
    ("delivery_replay", "Can replay webhook deliveries"),
    ("apikey_rotate", "Can rotate API keys"),
    ("apikey_revoke", "Can revoke API keys"),
    ("approval_decide", "Can approve what others asked for"),
    ("export", "Can export lists"),
]


class ApprovalStatus(models.TextChoices):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def lapsed(self, now: datetime) -> Self:
        return self.filter(status=ApprovalStatus.PENDING, expires_at__lte=now)


class Approval(models.Model):
    """What needs a second person: one asked for it, another decides about it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT)
    action = models.CharField(max_length=40)
    object_id = models.UUIDField()
    parameters = models.JSONField()
    summary = models.CharField(max_length=300)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=500)
    status = models.CharField(
        max_length=16, choices=ApprovalStatus.choices, default=ApprovalStatus.PENDING
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    decision_reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    MOVES: ClassVar[Moves] = {
        ApprovalStatus.PENDING: [
            ApprovalStatus.APPROVED,
            ApprovalStatus.REJECTED,
            ApprovalStatus.EXPIRED,
        ],
        ApprovalStatus.APPROVED: [],
        ApprovalStatus.REJECTED: [],
        ApprovalStatus.EXPIRED: [],
    }
    objects = ApprovalQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")),
                name="staff_approval_four_eyes",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["approved", "rejected"], decided_by__isnull=False)
                | Q(status__in=["pending", "expired"], decided_by=None),
                name="staff_approval_decided_by_somebody",
            ),
        ]
        indexes = [
            # Which requests expire now.
            models.Index(
                fields=["expires_at"],
                condition=Q(status="pending"),
                name="staff_approval_pending",
            )
        ]

    def __str__(self) -> str:
        return self.summary


class Outcome(models.TextChoices):
    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"


class AuditEntry(models.Model):
    """One thing that a person did. Written before it is begun, ended once, never changed after."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    token = models.UUIDField(unique=True, help_text="Of the page that asked: one page, one deed.")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, null=True)
    approval = models.ForeignKey(Approval, on_delete=models.PROTECT, null=True)
    actor = models.CharField(max_length=160)
    action = models.CharField(max_length=40)
    model = models.CharField(max_length=60, help_text="What it was done to: its kind.")
    object_id = models.CharField(max_length=64, help_text="What it was done to: its id.")
    summary = models.CharField(max_length=300)
    reason = models.CharField(max_length=500, blank=True)
    parameters = models.JSONField(default=dict)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    answer = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=128, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        permissions = PERMISSIONS
        indexes = [
            # What staff did to a row, on its page.
            models.Index(fields=["model", "object_id", "-id"], name="staff_auditentry_object"),
            # What a person did.
            models.Index(fields=["actor", "-id"], name="staff_auditentry_actor"),
        ]

    def __str__(self) -> str:
        return self.summary
