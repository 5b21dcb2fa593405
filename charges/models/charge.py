"""A charge: its two legs, its state, what went back of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from charges import declines
from foundation.states import Moves
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
OPEN = [S.PENDING, S.PROCESSING, S.REQUIRES_ACTION, S.UNKNOWN]
ENDED = [S.SUCCEEDED, S.FAILED, S.CANCELED]
WITH_PROCESSOR = [S.PROCESSING, S.UNKNOWN, S.REQUIRES_ACTION]
"""The card leg is claimed and has no outcome yet."""
NOBODY_RETRIES = "A charge that no installment order asked for is not tried again by itself."


class DisputeStatus(models.TextChoices):
    """Stripe's (docs.stripe.com/api/disputes/object); `warning_…` is an inquiry, which holds no
    money back. The machine is Stripe's too: any state may follow any.
    """

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"


D = DisputeStatus
DISPUTE_OPEN = [D.NEEDS_RESPONSE, D.UNDER_REVIEW]
"""A bank holds the money back."""
DISPUTE_CLOSED = [D.WON, D.LOST, D.WARNING_CLOSED, D.PREVENTED]


class ChargeQuerySet(OwnedQuerySet["Charge"]):
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
    wallet_available = models.BigIntegerField(
        null=True, blank=True, help_text="What the wallet had when the legs were decided."
    )
    wallet_amount = models.BigIntegerField(default=0)
    external_amount = models.BigIntegerField(default=0)
    card = models.CharField(max_length=255, blank=True, help_text="Stripe's pm_… to charge.")
    external_charge_id = models.CharField(  # noqa: DJ001 -- unique
        max_length=255, null=True, blank=True, help_text="Stripe's pi_…"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    waiting_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when it waits for its turn with the card."
    )
    cancel_requested_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when its intent is to be canceled."
    )
    needs_review = models.CharField(max_length=300, blank=True)
    client_secret = models.CharField(max_length=255, blank=True, editable=False)
    action_expires_at = models.DateTimeField(null=True, blank=True)
    split_instructions = models.JSONField(default=list)
    split_shares = models.JSONField(default=list)
    late_fee = models.BigIntegerField(default=0, help_text="Of the amount; nobody shares in it.")
    installment_id = models.UUIDField(
        null=True, blank=True, help_text="Empty with an order: the charge pays off what was left."
    )
    installment_order_id = models.UUIDField(null=True, blank=True)
    retry_at = models.DateTimeField(
        null=True, blank=True, help_text="When another charge tries again, if this one fails."
    )
    no_retry = models.CharField(
        max_length=200, blank=True, help_text="Why none does, if this one fails."
    )
    description = models.CharField(max_length=500, blank=True)
    metadata = models.JSONField(default=dict)
    failure_code = models.CharField(max_length=64, blank=True)
    failure_decline_code = models.CharField(max_length=64, blank=True)
    failure_advice_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    wallet_refunded = models.BigIntegerField(
        default=0, help_text="Of the wallet leg, by refunds pending and succeeded."
    )
    external_refunded = models.BigIntegerField(
        default=0, help_text="Of the card leg, by refunds pending and succeeded."
    )
    external_reversed = models.BigIntegerField(
        default=0, help_text="Of the card leg, by lost disputes."
    )
    dispute_status = models.CharField(max_length=32, blank=True)
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 -- unique
    fingerprint = models.CharField(max_length=64, blank=True)
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when what it paid for is unpaid again."
    )
    decided_at = models.DateTimeField(
        null=True, blank=True, help_text="When the legs were decided."
    )

    # It may also be born succeeded, processing or failed, when it is decided as it is made.
    MOVES: ClassVar[Moves] = {
        S.PENDING: [S.PROCESSING, *ENDED],
        S.PROCESSING: [S.PROCESSING, S.UNKNOWN, S.REQUIRES_ACTION, *ENDED],
        S.UNKNOWN: [S.UNKNOWN, S.REQUIRES_ACTION, *ENDED],
        S.REQUIRES_ACTION: [S.REQUIRES_ACTION, *ENDED],
        S.SUCCEEDED: [],
        S.FAILED: [],
        S.CANCELED: [],
    }
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
                condition=Q(
                    installment_id__isnull=False,
                    status__in=[*OPEN, S.SUCCEEDED],
                    reopened_at=None,
                ),
                name="charges_charge_one_live_per_installment",
            ),
            models.UniqueConstraint(
                fields=["installment_order_id"],
                condition=Q(
                    installment_id=None,
                    installment_order_id__isnull=False,
                    status__in=[*OPEN, S.SUCCEEDED],
                    reopened_at=None,
                ),
                name="charges_charge_one_live_pay_off_per_order",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="charges_charge_amount"),
            models.CheckConstraint(
                condition=Q(late_fee__gte=0, late_fee__lt=F("amount")),
                name="charges_charge_late_fee_in_amount",
            ),
            models.CheckConstraint(
                condition=Q(installment_id=None) | Q(installment_order_id__isnull=False),
                name="charges_charge_installment_has_order",
            ),
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
                condition=Q(status=S.CANCELED, canceled_at__isnull=False)
                | (~Q(status=S.CANCELED) & Q(canceled_at=None)),
                name="charges_charge_canceled_at",
            ),
            models.CheckConstraint(
                condition=~Q(status=S.REQUIRES_ACTION)
                | (Q(action_expires_at__isnull=False) & ~Q(client_secret="")),
                name="charges_charge_action_can_be_taken",
            ),
            models.CheckConstraint(
                condition=Q(wallet_refunded__gte=0, wallet_refunded__lte=F("wallet_amount")),
                name="charges_charge_wallet_refunded_at_most_collected",
            ),
            models.CheckConstraint(
                condition=Q(
                    external_refunded__gte=0,
                    external_reversed__gte=0,
                    external_amount__gte=F("external_refunded") + F("external_reversed"),
                ),
                name="charges_charge_external_refunded_at_most_collected",
            ),
            models.CheckConstraint(
                condition=Q(status=S.SUCCEEDED)
                | Q(wallet_refunded=0, external_refunded=0, external_reversed=0),
                name="charges_charge_only_succeeded_is_refunded",
            ),
            models.CheckConstraint(
                condition=Q(reopened_at=None)
                | Q(status=S.SUCCEEDED, installment_order_id__isnull=False),
                name="charges_charge_reopened_had_paid",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=OPEN)
                | Q(next_attempt_at__isnull=False)
                | ~Q(needs_review=""),
                name="charges_charge_open_is_found",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="charges_charge_partner"),
            BrinIndex(fields=["created_at", "succeeded_at"], name="charges_charge_times"),
            models.Index(
                fields=["-id"], condition=~Q(needs_review=""), name="charges_charge_flagged"
            ),
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
            *(
                models.Index(
                    fields=["partner", "next_attempt_at"],
                    condition=Q(
                        next_attempt_at__isnull=False, installment_order_id__isnull=not is_for_order
                    ),
                    name=f"charges_charge_due_{whose}",
                )
                for whose, is_for_order in (("asked", False), ("owned", True))
            ),
            models.Index(
                fields=["partner", "customer_id", "card"],
                condition=Q(status__in=WITH_PROCESSOR),
                name="charges_charge_with_card",
            ),
            models.Index(
                fields=["partner", "customer_id", "failed_at"],
                condition=Q(failed_at__isnull=False, external_amount__gt=0),
                name="charges_charge_declined",
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
    def card_left(self) -> int:
        """Of the card leg, what neither refunds nor lost disputes have."""
        return self.external_amount - self.external_refunded - self.external_reversed

    @property
    def revenue(self) -> int:
        """What is left to the partner, the late fee apart."""
        shared = sum(int(share["amount"]) for share in self.split_shares)
        return self.amount - self.late_fee - shared

    @property
    def amount_refunded(self) -> int:
        """By refunds pending and succeeded; lost disputes are not among them."""
        return self.wallet_refunded + self.external_refunded

    @property
    def amount_kept(self) -> int:
        """What refunds, pending ones too, and lost disputes left of what was collected."""
        return self.amount - self.amount_refunded - self.external_reversed

    @property
    def refund_status(self) -> str:
        if not self.amount_refunded:
            return "none"
        return "full" if self.amount_refunded == self.amount else "partial"

    @property
    def was_deferred(self) -> bool:
        """The request that made it left collecting it to a worker: its legs were decided later."""
        return self.decided_at != self.created_at

    @property
    def is_for_order(self) -> bool:
        """An order asked for it, and hears what becomes of it."""
        return self.installment_order_id is not None

    @property
    def failure(self) -> dict[str, Any] | None:
        if not self.failure_code:
            return None
        known = declines.look_up(
            self.failure_code, self.failure_decline_code, self.failure_advice_code
        )
        return {
            "code": self.failure_code,
            "decline_code": self.failure_decline_code or None,
            "advice_code": self.failure_advice_code or None,
            "category": known.category,
            "message": self.failure_message,
            "will_retry": self.retry_at is not None,
            "next_attempt_at": self.retry_at,
            "why_not": None if self.retry_at else self.no_retry or NOBODY_RETRIES,
        }

    @property
    def next_action(self) -> dict[str, Any] | None:
        """What the customer's page needs to let the cardholder authenticate."""
        if self.status != S.REQUIRES_ACTION or self.cancel_requested_at:
            return None
        return {"client_secret": self.client_secret, "expires_at": self.action_expires_at}

    @property
    def is_disputed(self) -> bool:
        """The card's money is held back until the dispute ends."""
        return self.dispute_status in DISPUTE_OPEN

    @property
    def is_terminal(self) -> bool:
        return self.status not in OPEN
