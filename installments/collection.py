"""Steps of collecting installments, set-based, and what a charge's outcome means for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef

from charges import collection as charge_collection
from charges import deciding, splits
from charges.hooks import Outlook
from charges.models import Charge, ChargeStatus
from foundation import states
from foundation.actors import Actor
from installments import facts, retries, rollup
from installments.as_of import AsOf
from installments.models import (
    GIVEN_UP,
    LATE,
    USED_UP,
    Installment,
    InstallmentOrder,
    InstallmentQuerySet,
    InstallmentStatus,
    OrderQuerySet,
    OrderStatus,
)
from wallets import ledger
from wallets.ledger import WalletKey
from wallets.models import Wallet
from webhooks import events

MOVED = [
    "status",
    "attempts",
    "next_attempt_at",
    "tried_at",
    "charge_id",
    "overdue_at",
    "default_at",
    "paid_at",
    "updated_at",
]


COLLECTED = (OrderStatus.ACTIVE, OrderStatus.PAUSED)
"""Of these orders an installment without a next try has used up its tries."""


def claim(installments: InstallmentQuerySet, limit: int) -> list[Installment]:
    """The first of them that nobody else has locked, locked with their orders."""
    locked = installments.select_related("order").select_for_update(
        of=("order", "self"), skip_locked=True
    )
    claimed = list(locked[:limit])
    orders: dict[UUID, InstallmentOrder] = {}
    for installment in claimed:  # of one order point to one instance of it
        installment.order = orders.setdefault(installment.order_id, installment.order)
    return claimed


def collect(
    installments: Sequence[Installment], *, as_of: AsOf, by: Actor, now: datetime
) -> list[Charge]:
    """Each due installment has a charge, and stands as the charge does; its try is counted and the
    next one set, so that a row that was tried always leaves the queue's head.
    """
    for installment in installments:
        order = installment.order
        installment.attempts += 1
        installment.tried_at = as_of.at(order.timezone)
        installment.next_attempt_at = retries.next_attempt(
            order.retry_policy,
            installment.attempts,
            at=installment.tried_at,
            zone=order.timezone,
            hour=order.due_hour,
        )
    charges = charge([[installment] for installment in installments], by=by, now=now)
    apply(installments, charges, by=by, now=now)
    return charges


def charge(groups: Sequence[Sequence[Installment]], *, by: Actor, now: datetime) -> list[Charge]:
    """A claimed charge for each group of one order's installments."""
    charges = [planned_charge(group, by=by, now=now) for group in groups]
    charge_collection.claim(
        charges,
        is_new=True,
        asks_processor=False,
        is_capped=True,
        by=by,
        now=now,
    )
    return charges


def planned_charge(installments: Sequence[Installment], *, by: Actor, now: datetime) -> Charge:
    """The pending charge that would collect them all, not saved."""
    first = installments[0]
    order = first.order
    retry_at, no_retry = outlook(installments)
    return Charge(
        partner_id=order.partner_id,
        customer_id=order.customer_id,
        amount=sum(installment.owed for installment in installments),
        late_fee=sum(installment.late_fee for installment in installments),
        currency=order.currency,
        status=ChargeStatus.PENDING,
        card=order.card,
        split_instructions=order.split_instructions,
        split_shares=splits.merge([installment.split_shares for installment in installments]),
        installment_id=first.id if len(installments) == 1 else None,
        installment_order_id=order.id,
        retry_at=retry_at,
        no_retry=no_retry,
        description=order.description,
        metadata=order.metadata,
        actor=by.name,
        created_at=now,
        updated_at=now,
    )


def outlook(installments: Sequence[Installment]) -> Outlook:
    """What follows for one order's installments when their charge fails."""
    first = installments[0]
    if first.order.not_collected:
        return Outlook(None, first.order.not_collected)
    if len(installments) > 1:
        return Outlook(None, "Nobody pays off by itself; each part is tried on its own dates.")
    planned = [
        installment.next_attempt_at for installment in installments if installment.next_attempt_at
    ]
    return Outlook(min(planned)) if planned else Outlook(None, USED_UP)


def apply(
    installments: Sequence[Installment], charges: Sequence[Charge], *, by: Actor, now: datetime
) -> None:
    """Installments, orders and events follow from the charges, in a fixed number of statements.

    The caller holds the locks of the installments and their orders.
    """
    events_ = []
    for installment, charged in zip(installments, charges, strict=True):
        if event := _follow(installment, charged, now):
            events_.append(facts.of_installment(installment, event))
    states.transition(installments, MOVED)
    completed = rollup.update(installments, now)
    if completed:
        shown = InstallmentOrder.objects.with_installments().in_bulk(
            [order.id for order in completed]
        )
        events_ += [facts.of_order(shown[order.id], "completed") for order in completed]
    events.publish(events_, by=by, now=now)


def coverable(customer: WalletKey | None = None) -> InstallmentQuerySet:
    """Late installments of active orders that ask for it (`auto_apply`), of one customer or of all,
    each of which its wallet covers alone; the longest due first.
    """
    wallet = Wallet.objects.filter(
        partner_id=OuterRef("partner_id"),
        customer_id=OuterRef("order__customer_id"),
        currency=OuterRef("order__currency"),
        is_active=True,
        balance__gte=F("held") + OuterRef("amount") + OuterRef("late_fee"),
    )
    late = Installment.objects.filter(
        Exists(wallet), status__in=LATE, order__in=_auto_applying(customer)
    )
    return late.order_by("due_at", "id")


def _auto_applying(customer: WalletKey | None) -> OrderQuerySet:
    """Past due, for only of those anything is late."""
    orders = InstallmentOrder.objects.filter(
        status=OrderStatus.ACTIVE, past_due=True, auto_apply=True
    )
    if customer:
        partner_id, customer_id = customer
        orders = orders.filter(partner_id=partner_id, customer_id=customer_id)
    return orders


def auto_apply(late: Sequence[Installment], *, by: Actor, now: datetime) -> int:
    """Those of the claimed that wallets cover, one after the other, are paid; returns how many."""
    planned = [planned_charge([installment], by=by, now=now) for installment in late]
    wallets = ledger.lock(deciding.wallet_keys(planned))
    available = {
        (*key, wallet.currency): wallet.available
        for key, wallet in wallets.items()
        if wallet.is_active
    }
    paid = []
    for installment in late:
        order = installment.order
        key = (order.partner_id, order.customer_id, order.currency)
        if available.get(key, 0) >= installment.owed:
            available[key] -= installment.owed
            paid.append(installment)
    if paid:
        apply(paid, charge([[installment] for installment in paid], by=by, now=now), by=by, now=now)
    return len(paid)


def wallet_keys(partner_id: UUID, customer_id: str, shares: object) -> set[WalletKey]:
    """Whose wallets a charge of such a row takes from and gives to, as far as it can be read."""
    named = [share.get("recipient") for share in _dicts(shares)]
    return {(partner_id, name) for name in [customer_id, *named] if isinstance(name, str)}


def _dicts(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _follow(installment: Installment, charged: Charge, now: datetime) -> str | None:
    """The installment stands as its charge does; returns the event that this is, if any."""
    installment.charge, installment.updated_at = charged, now
    if charged.status == ChargeStatus.SUCCEEDED:
        installment.status, installment.paid_at = InstallmentStatus.PAID, now
        installment.next_attempt_at = installment.default_at = None
        installment.order.amount_paid += installment.amount
        return "paid"
    if charged.status not in (ChargeStatus.FAILED, ChargeStatus.CANCELED):
        installment.status = InstallmentStatus.PROCESSING
        return None
    return _follow_failure(installment, charged, now)


def _follow_failure(installment: Installment, charged: Charge, now: datetime) -> str | None:
    """It is what it was before the charge; failed, when that was the last try."""
    order = installment.order
    if order.status in GIVEN_UP:
        installment.status, installment.next_attempt_at = InstallmentStatus.CANCELED, None
        return None
    is_last = order.status in COLLECTED and installment.next_attempt_at is None
    is_news = is_last and installment.default_at is None
    if order.status == OrderStatus.PAUSED:
        installment.next_attempt_at = None
        _uncount(installment, charged)
    if is_news:
        after = timedelta(days=order.retry_policy["default_after_days"])
        installment.default_at = (installment.tried_at or now) + after
    if installment.default_at:
        installment.status = InstallmentStatus.FAILED
    elif installment.overdue_at:
        installment.status = InstallmentStatus.OVERDUE
    else:
        installment.status = InstallmentStatus.PENDING
    return "failed" if is_news else None


def _uncount(installment: Installment, charged: Charge) -> None:
    """A try of the schedule whose charge was canceled before any card was asked is before it again,
    due when it was.
    """
    is_asked = charged.external_charge_id is not None or charged.status != ChargeStatus.CANCELED
    if is_asked or installment.tried_at is None or installment.tried_at < charged.created_at:
        return
    installment.attempts -= 1
    installment.tried_at = retries.tried_before(
        installment.order.retry_policy, installment.attempts, then=installment.tried_at
    )
