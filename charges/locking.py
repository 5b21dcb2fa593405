"""Steps: charges and refunds are locked parents before children, whoever asks."""

from __future__ import annotations

from uuid import UUID

from charges.hooks import hooks
from charges.models import Charge, Refund


def lock(charge_id: UUID) -> Charge:
    """The charge as it stands, locked, its order's rows before it."""
    charge = Charge.objects.get(id=charge_id)
    if charge.is_for_order:
        hooks().lock(charge)
    return Charge.objects.select_for_update(of=("self",)).get(id=charge_id)


def lock_refund(refund: Refund) -> tuple[Charge, Refund]:
    """The refund and its charge as they stand, locked, the charge first."""
    charge = lock(refund.charge_id)
    refund = Refund.objects.select_for_update(of=("self",)).get(id=refund.id)
    refund.charge = charge
    return charge, refund
