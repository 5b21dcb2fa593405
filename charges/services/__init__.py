"""Doors: what a partner, a person or a clock can ask of charges, refunds, disputes and cards."""

from charges.services.charging import (
    RECOVER_TASK,
    ChargeNotCancelable,
    Created,
    NewCharge,
    cancel,
    collect,
    collect_due,
    create,
    unfinished,
)
from charges.services.disputes import hear_of_dispute
from charges.services.hearing import hear_of_intent
from charges.services.inbound import process_events, receive_event
from charges.services.methods import (
    PaymentMethodDeclined,
    attach_payment_method,
    detach_payment_method,
    set_up_payment_method,
)
from charges.services.processor import ProcessorAway
from charges.services.reconciliation import Report, reconcile, size
from charges.services.refunding import (
    ChargeDisputed,
    ChargeNotRefundable,
    CurrencyMismatch,
    NewRefund,
    RefundAmountUnsupported,
    Refunded,
    RefundExceedsCharge,
    WalletRequired,
    complete_due_refunds,
    complete_refund,
    hear_of_refund,
    refund,
    unfinished_refunds,
)
from charges.services.reviews import (
    EvidenceContradicts,
    NothingToReview,
    ReviewUnderWay,
    acknowledge,
    is_flagged,
    resolve_charge,
    resolve_refund,
)

__all__ = [
    "RECOVER_TASK",
    "ChargeDisputed",
    "ChargeNotCancelable",
    "ChargeNotRefundable",
    "Created",
    "CurrencyMismatch",
    "EvidenceContradicts",
    "NewCharge",
    "NewRefund",
    "NothingToReview",
    "PaymentMethodDeclined",
    "ProcessorAway",
    "RefundAmountUnsupported",
    "RefundExceedsCharge",
    "Refunded",
    "Report",
    "ReviewUnderWay",
    "WalletRequired",
    "acknowledge",
    "attach_payment_method",
    "cancel",
    "collect",
    "collect_due",
    "complete_due_refunds",
    "complete_refund",
    "create",
    "detach_payment_method",
    "hear_of_dispute",
    "hear_of_intent",
    "hear_of_refund",
    "is_flagged",
    "process_events",
    "receive_event",
    "reconcile",
    "refund",
    "resolve_charge",
    "resolve_refund",
    "set_up_payment_method",
    "size",
    "unfinished",
    "unfinished_refunds",
]
