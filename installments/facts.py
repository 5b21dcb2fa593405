"""What happened to an order or an installment, as an event; its data is as in the API."""

from __future__ import annotations

from installments.models import Installment, InstallmentOrder
from installments.serializers import InstallmentResource, OrderResource
from webhooks.events import Fact


def of_order(order: InstallmentOrder, event: str) -> Fact:
    return Fact(
        partner_id=order.partner_id,
        type=f"installment_order.{event}",
        resource_id=order.id,
        data=OrderResource.render(order),
    )


def of_installment(installment: Installment, event: str) -> Fact:
    return Fact(
        partner_id=installment.partner_id,
        type=f"installment.{event}",
        resource_id=installment.id,
        data=InstallmentResource.render(installment),
    )
