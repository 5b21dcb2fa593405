"""A charge: its two legs, its state, what went back of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db import models
from uuid_utils.compat import uuid7

from charges import declines
from charges.models import charge_rules
from charges.models.states import DISPUTE_OPEN, MOVES, OPEN, ChargeStatus
from partners.models import OwnedQuerySet, Partner
from wallets.models import Wallet

NOBODY_RETRIES = "A charge that no installment order asked for is not tried again by itself."


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

    MOVES = MOVES
    objects = ChargeQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = charge_rules.CONSTRAINTS
        indexes = charge_rules.INDEXES

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
        known = declines.classify(
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
        if self.status != ChargeStatus.REQUIRES_ACTION or self.cancel_requested_at:
            return None
        return {"client_secret": self.client_secret, "expires_at": self.action_expires_at}

    @property
    def is_disputed(self) -> bool:
        """The card's money is held back until the dispute ends."""
        return self.dispute_status in DISPUTE_OPEN

    @property
    def is_terminal(self) -> bool:
        return self.status not in OPEN
