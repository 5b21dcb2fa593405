"""A dispute of a charge's card leg, in the processor's words, and the money that it moved."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from charges.models.charge import Charge
from charges.models.states import DISPUTE_OPEN, DisputeStatus
from partners.models import OwnedQuerySet, Partner


class Dispute(models.Model):
    """The cardholder asks the bank for the money back.

    `status` is one of DisputeStatus, or one that Stripe has had since. `withdrawn` is what the bank
    has of it now; once it is `lost`, those who had shares in the card leg bear `external_leg` of
    that, and the rest is `loss`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="disputes")
    external_id = models.CharField(max_length=255, unique=True, help_text="Stripe's du_…")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=32)
    reason = models.CharField(max_length=64, blank=True)
    evidence_due_at = models.DateTimeField(null=True, blank=True)
    withdrawn = models.BigIntegerField(
        default=0, help_text="What the bank has taken and not given back."
    )
    external_leg = models.BigIntegerField(
        default=0, help_text="Of the card leg, what losing it took."
    )
    needs_review = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    objects: models.Manager[Dispute] = OwnedQuerySet["Dispute"].as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="charges_dispute_amount"),
            models.CheckConstraint(
                condition=Q(external_leg=0)
                | Q(status=DisputeStatus.LOST, external_leg__gt=0, external_leg__lte=F("amount")),
                name="charges_dispute_only_lost_takes",
            ),
        ]
        indexes = [
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="charges_dispute_partner"),
            # Which answers to a bank are due next (the overview).
            models.Index(
                fields=["evidence_due_at"],
                condition=Q(status__in=[*DISPUTE_OPEN, DisputeStatus.WARNING_NEEDS_RESPONSE]),
                name="charges_dispute_deadline",
            ),
        ]

    def __str__(self) -> str:
        return self.external_id

    @property
    def is_inquiry(self) -> bool:
        return self.status.startswith("warning_")

    @property
    def loss(self) -> int:
        """What the bank has and nobody bears: for as long as the dispute is open, all of it."""
        return self.withdrawn - self.external_leg


class DisputeMovement(models.Model):
    """What the bank took for a dispute, or gave back: a balance transaction of Stripe's.

    `amount` is in minor units of the dispute's currency, negative when it was given back; `fee` in
    those of its own currency, negative when it was returned.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="movements")
    external_id = models.CharField(max_length=255, unique=True, help_text="Stripe's txn_…")
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    fee_currency = models.CharField(max_length=3)
    happened_at = models.DateTimeField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.external_id

    @property
    def currency(self) -> str:
        return self.dispute.currency


class DisputeAllocation(models.Model):
    """How much of a lost dispute those bear who had shares in the card leg, and who bears what.

    It is undone (`reversed_at`) when the bank gives the money back, or a refund takes its place.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="allocations")
    amount = models.BigIntegerField()
    split_reversals = models.JSONField(default=list)
    late_fee_reversed = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    reversed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="charges_disputeallocation_amount"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def currency(self) -> str:
        return self.dispute.currency
