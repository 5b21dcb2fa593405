"""Doors: somebody pays an installment, or all that is left, now; the schedule of retries is not
used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from charges import collection as charge_collection
from charges import deciding
from charges import services as charges
from charges.models import Charge, ChargeStatus
from foundation.actors import Actor
from installments import collection
from installments.models import (
    UNPAID,
    Installment,
    InstallmentOrder,
    InstallmentStatus,
    OrderStatus,
)
from installments.services.isolating import Work, run_in_chunks
from installments.services.locking import (
    ChargeInProgress,
    check,
    check_unpaid,
    locked,
    locked_installment,
)
from wallets.ledger import WalletKey
from wallets.models import LedgerEntry
from wallets.rehearsal import rehearsal

CHARGEABLE = (OrderStatus.ACTIVE, OrderStatus.DEFAULTED)
SETTLED = "settled"


def process_installment(*, installment_id: UUID, by: Actor, now: datetime) -> Installment:
    """The installment is charged now, late ones of defaulted orders too. A paid installment stays
    as it is.

    Raises InvalidTransition, ChargeInProgress.
    """
    with transaction.atomic(durable=True):
        installment = locked_installment(installment_id)
        if installment.status == InstallmentStatus.PAID:
            return installment
        charge = _charge([_chargeable(installment)], by, now)
    _ask(charge, by, now)
    return Installment.objects.select_related("order", "charge").get(id=installment_id)


def rehearse_payment(*, installment_id: UUID, now: datetime) -> list[LedgerEntry]:
    """The entries that charging the installment now would post if its card, where one is needed,
    paid; nothing is kept. Raises InvalidTransition, ChargeInProgress.
    """
    with rehearsal() as (by, entries):
        charge = _charge([_chargeable(locked_installment(installment_id))], by, now)
        if charge.status == ChargeStatus.PROCESSING:
            deciding.succeed(charge, now)
            charge_collection.conclude(charge, by=by, now=now)
    return entries


def pay_off(*, order_id: UUID, by: Actor, now: datetime) -> InstallmentOrder:
    """One charge collects all that is left, late fees too; it pays every installment or none. An
    order that is paid stays as it is.

    Raises InvalidTransition, ChargeInProgress.
    """
    with transaction.atomic(durable=True):
        order = locked(order_id)
        if order.status == OrderStatus.COMPLETED:
            return order
        check(order, "paid off", *CHARGEABLE)
        installments = list(
            Installment.objects.filter(order=order).order_by("id").select_for_update()
        )
        if any(installment.status == InstallmentStatus.PROCESSING for installment in installments):
            raise ChargeInProgress
        left = [installment for installment in installments if installment.status in UNPAID]
        for installment in left:
            installment.order = order
        charge = _charge(left, by, now)
    _ask(charge, by, now)
    return InstallmentOrder.objects.with_installments().get(id=order_id)


def auto_apply(*, customer: WalletKey | None = None, by: Actor, now: datetime) -> int:
    """Late installments of orders with `auto_apply`, of one customer or of all, are paid as far as
    their wallets cover them alone; returns how many were. Wallets ask for it when money came in
    (settings.WALLET_CREDITED).
    """
    return sum(chunk[SETTLED] for chunk in run_in_chunks(auto_applying(customer, by, now), now=now))


def auto_applying(customer: WalletKey | None, by: Actor, now: datetime) -> Work:
    """Paying late installments from wallets alone."""

    def settle(late: Sequence[Installment]) -> Counter[str]:
        return Counter({SETTLED: collection.auto_apply(late, by=by, now=now)})

    installments = collection.coverable(customer)
    return Work("settle", installments, collection.claim, settle, wallets_of_installments)


def wallets_of_installments(installments: QuerySet[Any]) -> dict[UUID, set[WalletKey]]:
    """Whose wallets charges of these installments would need."""
    found = installments.values_list("pk", "partner_id", "order__customer_id", "split_shares")
    return {pk: collection.wallet_keys(*of_charge) for pk, *of_charge in found}


def _chargeable(installment: Installment) -> Installment:
    """The locked installment. Raises InvalidTransition, ChargeInProgress."""
    check_unpaid(installment, "charged")
    check(installment.order, "charged", *CHARGEABLE)
    return installment


def _charge(installments: Sequence[Installment], by: Actor, now: datetime) -> Charge:
    (charge,) = collection.charge([installments], by=by, now=now)
    collection.apply(installments, [charge] * len(installments), by=by, now=now)
    return charge


def _ask(charge: Charge, by: Actor, now: datetime) -> None:
    if charge.status == ChargeStatus.PROCESSING:
        charges.collect(charge_id=charge.id, by=by, now=now)
