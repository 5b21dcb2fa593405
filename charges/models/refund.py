"""A refund: what goes back to the card, to the wallet, and what recipients give back for it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from charges.models.charge import Charge
from foundation.constraints import stamped
from foundation.states import Moves
from partners.models import OwnedQuerySet, Partner
from wallets.models import Wallet


class RefundStatus(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundTo(models.TextChoices):
    """`auto`: each leg to where it came from, the card first. `wallet`: all of it, as credit."""

    AUTO = "auto"
    CARD = "card"
    WALLET = "wallet"


class Origin(models.TextChoices):
    """Who made it: a partner by the API, staff, or somebody at the processor (its dashboard, a
    fraud warning), whose refunds are adopted.
    """

    API = "api"
    STAFF = "staff"
    PROCESSOR = "processor"


S = RefundStatus


class RefundQuerySet(OwnedQuerySet["Refund"]):
    def due(self, now: datetime) -> Self:
        """Pending refunds that somebody should look at."""
        return self.filter(status=S.PENDING, next_attempt_at__lte=now)


class Refund(models.Model):
    """Money of a charge that goes back, in minor units of the charge's currency.

    `external_amount` goes to the card, `wallet_amount` into the wallet. `external_leg` is how much
    of the charge's card leg it returns: more than goes to the card when it goes to the wallet.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, db_index=False)
    charge = models.ForeignKey(Charge, on_delete=models.PROTECT, related_name="refunds")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    refund_to = models.CharField(max_length=8, choices=RefundTo.choices)
    origin = models.CharField(max_length=16, choices=Origin.choices, default=Origin.API)
    external_amount = models.BigIntegerField()
    wallet_amount = models.BigIntegerField()
    external_leg = models.BigIntegerField()
    wallet = models.ForeignKey(
        Wallet, null=True, blank=True, on_delete=models.PROTECT, db_index=False
    )
    split_reversals = models.JSONField(default=list)
    late_fee_reversed = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=16, choices=RefundStatus.choices)
    external_refund_id = models.CharField(  # noqa: DJ001 -- unique
        max_length=255, null=True, blank=True, help_text="Stripe's re_…"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    key_number = models.PositiveSmallIntegerField(default=1, editable=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    needs_review = models.CharField(max_length=300, blank=True)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 -- unique
    fingerprint = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    # One that succeeded may fail later: the card's issuer sends the money back.
    MOVES: ClassVar[Moves] = {
        S.PENDING: [S.PENDING, S.SUCCEEDED, S.FAILED],
        S.SUCCEEDED: [S.FAILED],
        S.FAILED: [],
    }
    objects = RefundQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "idempotency_key"], name="charges_refund_idempotency_key"
            ),
            models.UniqueConstraint(
                fields=["external_refund_id"],
                condition=Q(external_refund_id__isnull=False),
                name="charges_refund_external_refund_id",
            ),
            models.CheckConstraint(
                condition=Q(origin=Origin.PROCESSOR, external_refund_id__isnull=False)
                | (~Q(origin=Origin.PROCESSOR) & Q(idempotency_key__isnull=False)),
                name="charges_refund_has_its_name",
            ),
            models.CheckConstraint(
                condition=Q(
                    amount__gt=0,
                    external_amount__gte=0,
                    wallet_amount__gte=0,
                    amount=F("external_amount") + F("wallet_amount"),
                    external_leg__gte=F("external_amount"),
                    external_leg__lte=F("amount"),
                ),
                name="charges_refund_parts_sum_to_amount",
            ),
            models.CheckConstraint(
                condition=Q(wallet_amount=0) | Q(wallet__isnull=False),
                name="charges_refund_wallet_part_has_wallet",
            ),
            models.CheckConstraint(
                condition=~Q(status=S.SUCCEEDED) | Q(succeeded_at__isnull=False),
                name="charges_refund_succeeded_at",
            ),
            stamped(S.FAILED, "failed_at", name="charges_refund_failed_at"),
            models.CheckConstraint(
                condition=~Q(status=S.PENDING)
                | (Q(succeeded_at=None) & (Q(next_attempt_at__isnull=False) | ~Q(needs_review=""))),
                name="charges_refund_pending_is_found",
            ),
        ]
        indexes = [
            # What waits for staff: few rows of all.
            models.Index(
                fields=["-id"], condition=~Q(needs_review=""), name="charges_refund_flagged"
            ),
            # A partner's list, newest first.
            models.Index(fields=["partner", "-id"], name="charges_refund_partner"),
            # The queue of complete_due_refunds.
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(next_attempt_at__isnull=False),
                name="charges_refund_due",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def failure(self) -> dict[str, str] | None:
        if not self.failure_code:
            return None
        return {"code": self.failure_code, "message": self.failure_message}

    @property
    def wallet_leg(self) -> int:
        """How much of the charge's wallet leg it returns."""
        return self.amount - self.external_leg
