"""What the database refuses of a charge, and which questions it answers quickly."""

from __future__ import annotations

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from charges.models.states import OPEN, WITH_PROCESSOR, ChargeStatus
from foundation.constraints import stamped

S = ChargeStatus

CONSTRAINTS = [
    # One request, one charge: a repetition finds the row by its key.
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
    # Nothing is charged twice: whatever a sweep, a person and a retry do at once, one charge of an
    # installment (or of all that is left of an order) may be open or succeeded.
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
    stamped(S.SUCCEEDED, "succeeded_at", name="charges_charge_succeeded_at"),
    stamped(S.FAILED, "failed_at", name="charges_charge_failed_at"),
    stamped(S.CANCELED, "canceled_at", name="charges_charge_canceled_at"),
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
        condition=Q(reopened_at=None) | Q(status=S.SUCCEEDED, installment_order_id__isnull=False),
        name="charges_charge_reopened_had_paid",
    ),
    # An open charge is found: by a sweep when it is due, or by staff.
    models.CheckConstraint(
        condition=~Q(status__in=OPEN) | Q(next_attempt_at__isnull=False) | ~Q(needs_review=""),
        name="charges_charge_open_is_found",
    ),
]
INDEXES = [
    # A partner's list, newest first.
    models.Index(fields=["partner", "-id"], name="charges_charge_partner"),
    # The overview's days: rows of a period lie together.
    BrinIndex(fields=["created_at", "succeeded_at"], name="charges_charge_times"),
    # What waits for staff: few rows of all.
    models.Index(fields=["-id"], condition=~Q(needs_review=""), name="charges_charge_flagged"),
    # A customer's charges.
    models.Index(fields=["partner", "customer_id", "-id"], name="charges_charge_customer"),
    # The charges of an order.
    models.Index(
        fields=["installment_order_id"],
        condition=Q(installment_order_id__isnull=False),
        name="charges_charge_order",
    ),
    # Whether anything is due, each second (charges/draining.py).
    models.Index(
        fields=["next_attempt_at"],
        condition=Q(next_attempt_at__isnull=False),
        name="charges_charge_due",
    ),
    # Whose turn it is, and that partner's next (charges/turns.py).
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
    # Who asks a card now, or waits for it (charges/caps.py).
    models.Index(
        fields=["partner", "customer_id", "card"],
        condition=Q(status__in=WITH_PROCESSOR),
        name="charges_charge_with_card",
    ),
    # How often a card was declined of late (charges/caps.py).
    models.Index(
        fields=["partner", "customer_id", "failed_at"],
        condition=Q(failed_at__isnull=False, external_amount__gt=0),
        name="charges_charge_declined",
    ),
]
