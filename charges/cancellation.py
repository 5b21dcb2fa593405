"""Steps of ending a charge that nobody wants any more, before it is collected."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from charges import collection, deciding
from charges.attempts import LEASE
from charges.models import OPEN, Charge
from foundation.actors import Actor


def request(charge: Charge, *, by: Actor, now: datetime) -> None:
    """The locked open charge is canceled at once while no intent of it is stored: only a stored one
    is ever confirmed. Otherwise the wish is on record, and whoever resumes the charge next
    cancels its intent instead of confirming it, until the processor has said how it ended.
    """
    if charge.external_charge_id is None:
        deciding.cancel(charge, now)
        collection.conclude(charge, by=by, now=now)
    elif charge.cancel_requested_at is None:
        charge.cancel_requested_at, charge.next_attempt_at = now, now + LEASE
        charge.save(update_fields=["cancel_requested_at", "next_attempt_at"])


def end_unasked(order_ids: Collection[UUID], *, by: Actor, now: datetime) -> None:
    """The orders' open charges without an intent are canceled. The caller has locked the orders."""
    for charge in _open_charges(order_ids):
        if charge.external_charge_id is None:
            request(charge, by=by, now=now)


def end_all(order_id: UUID, *, by: Actor, now: datetime) -> None:
    """The order's open charges are canceled, or about to be. The caller has locked the order."""
    for charge in _open_charges([order_id]):
        request(charge, by=by, now=now)


def _open_charges(order_ids: Collection[UUID]) -> list[Charge]:
    rows = Charge.objects.filter(installment_order_id__in=order_ids, status__in=OPEN)
    return list(rows.order_by("id").select_for_update(of=("self",)))
