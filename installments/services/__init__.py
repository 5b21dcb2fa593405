"""Doors: what a partner, a person or a clock can ask of installment orders and their parts."""

from installments.services.amending import NewTerms, change_order, reschedule_installment
from installments.services.creating import (
    Created,
    Preview,
    PreviewOutdated,
    create_order,
    preview,
)
from installments.services.curing import (
    REOPENABLE,
    ArrearsOwed,
    OrderNotPastDue,
    rehearse_reinstatement,
    rehearse_reopening,
    reinstate_order,
    reopen_installment,
    write_off_order,
)
from installments.services.lifecycle import (
    OrderDisputed,
    activate_order,
    cancel_order,
    pause_order,
    resume_order,
)
from installments.services.locking import ChargeInProgress, InvalidTransition
from installments.services.paying import auto_apply, pay_off, process_installment, rehearse_payment
from installments.services.sweeping import (
    Swept,
    age,
    dry_run,
    record_progress,
    record_sweep,
    sweep,
)

__all__ = [
    "REOPENABLE",
    "ArrearsOwed",
    "ChargeInProgress",
    "Created",
    "InvalidTransition",
    "NewTerms",
    "OrderDisputed",
    "OrderNotPastDue",
    "Preview",
    "PreviewOutdated",
    "Swept",
    "activate_order",
    "age",
    "auto_apply",
    "cancel_order",
    "change_order",
    "create_order",
    "dry_run",
    "pause_order",
    "pay_off",
    "preview",
    "process_installment",
    "record_progress",
    "record_sweep",
    "rehearse_payment",
    "rehearse_reinstatement",
    "rehearse_reopening",
    "reinstate_order",
    "reopen_installment",
    "reschedule_installment",
    "resume_order",
    "sweep",
    "write_off_order",
]
