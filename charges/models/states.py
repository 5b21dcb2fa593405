"""States of charges and disputes, and which may follow which."""

from __future__ import annotations

from django.db import models

from foundation.states import Moves


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
# It may also be born succeeded, processing or failed, when it is decided as it is made.
MOVES: Moves = {
    S.PENDING: [S.PROCESSING, *ENDED],
    S.PROCESSING: [S.PROCESSING, S.UNKNOWN, S.REQUIRES_ACTION, *ENDED],
    S.UNKNOWN: [S.UNKNOWN, S.REQUIRES_ACTION, *ENDED],
    S.REQUIRES_ACTION: [S.REQUIRES_ACTION, *ENDED],
    S.SUCCEEDED: [],
    S.FAILED: [],
    S.CANCELED: [],
}


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
