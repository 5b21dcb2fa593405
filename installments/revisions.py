"""`record`: the step by which a change of an order goes on record, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max

from foundation import rows
from foundation.actors import Actor
from installments import facts
from installments.models import Change, InstallmentOrder, Revision
from webhooks import events

TOLD_APART = {
    Change.ACTIVATED,
    Change.PAUSED,
    Change.RESUMED,
    Change.CANCELED,
    Change.REINSTATED,
    Change.WRITTEN_OFF,
}
"""Changes with an event of their own; of others `installment_order.revised` tells."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What somebody changed about an order; before and after in the API's words."""

    order: InstallmentOrder
    change: Change
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def event(self) -> str:
        return self.change if self.change in TOLD_APART else "revised"


def record(changes: Sequence[Changed], *, reason: str = "", by: Actor, now: datetime) -> None:
    """Each change is the next revision of its order and told, whatever their number in the same
    statements. The caller has locked the orders, and what was changed is written.
    """
    if not changes:
        return
    orders = {changed.order.id: changed.order for changed in changes}
    last = dict.fromkeys(orders, 0)
    earlier = Revision.objects.filter(order__in=list(orders)).order_by()
    last.update(earlier.values_list("order").annotate(Max("number")))
    revisions = []
    for changed in changes:
        last[changed.order.id] += 1
        revisions.append(_revision(changed, last[changed.order.id], reason, by, now))
    rows.insert(revisions)
    shown = InstallmentOrder.objects.with_installments().in_bulk(list(orders))
    published = dict.fromkeys((changed.order.id, changed.event) for changed in changes)
    events.publish(
        [facts.of_order(shown[order_id], event) for order_id, event in published], by=by, now=now
    )


def _revision(changed: Changed, number: int, reason: str, by: Actor, now: datetime) -> Revision:
    return Revision(
        partner_id=changed.order.partner_id,
        order=changed.order,
        number=number,
        change=changed.change,
        before=changed.before,
        after=changed.after,
        reason=reason,
        actor=by.name,
        request_id=by.request_id,
        created_at=now,
    )
