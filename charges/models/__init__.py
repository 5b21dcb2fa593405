"""Charges and what belongs to them: refunds, disputes, cards, and the records of who said what."""

from charges.models.card import (
    PaymentMethod,
    PaymentMethodQuerySet,
    ProcessorCustomer,
    StoppedCard,
)
from charges.models.charge import Charge, ChargeQuerySet
from charges.models.dispute import Dispute, DisputeAllocation, DisputeMovement
from charges.models.record import (
    CardAttempt,
    EventSync,
    Outcome,
    ProcessorEvent,
    Resolution,
    Source,
)
from charges.models.refund import Origin, Refund, RefundStatus, RefundTo
from charges.models.states import (
    DISPUTE_CLOSED,
    DISPUTE_OPEN,
    OPEN,
    WITH_PROCESSOR,
    ChargeStatus,
    DisputeStatus,
)

__all__ = [
    "DISPUTE_CLOSED",
    "DISPUTE_OPEN",
    "OPEN",
    "WITH_PROCESSOR",
    "CardAttempt",
    "Charge",
    "ChargeQuerySet",
    "ChargeStatus",
    "Dispute",
    "DisputeAllocation",
    "DisputeMovement",
    "DisputeStatus",
    "EventSync",
    "Origin",
    "Outcome",
    "PaymentMethod",
    "PaymentMethodQuerySet",
    "ProcessorCustomer",
    "ProcessorEvent",
    "Refund",
    "RefundStatus",
    "RefundTo",
    "Resolution",
    "Source",
    "StoppedCard",
]
