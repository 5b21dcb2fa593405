"""Steps: staff see what nobody else can settle. `services.reviews` has what they do about it."""

from __future__ import annotations

from datetime import datetime

import structlog

from charges.models import Charge
from wallets import money

logger = structlog.get_logger(__name__)


def flag(charge: Charge, text: str, now: datetime) -> None:
    """Staff see that the processor contradicts what we have said of the charge."""
    Charge.objects.filter(id=charge.id).update(needs_review=text[:300], updated_at=now)
    logger.error("charge.contradicted", charge=str(charge.id), reason=text)


def flag_returned_money(charge: Charge, how: str, now: datetime) -> None:
    """Staff see that a charge whose installment was reopened holds money again."""
    if charge.reopened_at and charge.amount_kept:
        kept = money.with_code(charge.amount_kept, charge.currency)
        flag(charge, f"{kept} came back with {how} after its installment was reopened.", now)
