"""`reopen`: the step by which a charge pays no longer for what an order had it collect."""

from __future__ import annotations

from datetime import datetime

from charges.models import Charge, Refund, RefundStatus
from wallets import money


class ChargeKept(Exception):
    """Some of the charge's money is still here: what it paid for is paid in part."""

    def __init__(self, charge: Charge) -> None:
        kept = money.with_code(charge.amount_kept, charge.currency)
        super().__init__(f"{kept} of charge {charge.id} is still kept: refund it in full first.")


class RefundInProgress(Exception):
    def __init__(self) -> None:
        super().__init__("A refund of the charge has no outcome yet.")


def reopen(charge: Charge, now: datetime) -> None:
    """The locked, succeeded charge, of which nothing is kept, stays on record, and what it paid for
    may have another one. Raises RefundInProgress, ChargeKept.
    """
    if Refund.objects.filter(charge=charge, status=RefundStatus.PENDING).exists():
        raise RefundInProgress
    if charge.amount_kept:
        raise ChargeKept(charge)
    charge.reopened_at = charge.updated_at = now
    charge.save(update_fields=["reopened_at", "updated_at"])
