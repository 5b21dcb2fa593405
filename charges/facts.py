"""What is published of charges, refunds and saved cards."""

from __future__ import annotations

from typing import Any

from charges.models import Charge, PaymentMethod, Refund
from charges.serializers import ChargeResource, PaymentMethodResource, RefundResource
from webhooks.events import Fact


def of_charge(charge: Charge, type: str | None = None, **more: Any) -> Fact:  # noqa: A002 -- as in Fact
    """What happened to the charge: its state, unless said otherwise. Its data are the charge, and
    what else belongs to the fact.
    """
    return Fact(
        partner_id=charge.partner_id,
        type=type or f"charge.{charge.status}",
        resource_id=charge.id,
        data=ChargeResource.render(charge) | more,
    )


def charge_refunded(charge: Charge, refund: Refund) -> Fact:
    return of_charge(charge, "charge.refunded", refund=RefundResource.render(refund))


def refund_failed(refund: Refund) -> Fact:
    return Fact(
        partner_id=refund.partner_id,
        type="refund.failed",
        resource_id=refund.id,
        data=RefundResource.render(refund),
    )


def payment_method_detached(saved: PaymentMethod) -> Fact:
    return Fact(
        partner_id=saved.partner_id,
        type="payment_method.detached",
        resource_id=saved.id,
        data=PaymentMethodResource.render(saved),
    )
