"""Steps about the Stripe customers that stand for ours, and have their cards."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from charges.models import ProcessorCustomer


def of(partner_id: UUID, customer_id: str) -> QuerySet[ProcessorCustomer]:
    """All that stand for the customer, or did."""
    return ProcessorCustomer.objects.filter(partner_id=partner_id, customer_id=customer_id)


def current(partner_id: UUID, customer_id: str) -> str | None:
    """The id of the one that new cards go to, if there is one."""
    found = of(partner_id, customer_id).filter(is_current=True)
    return found.values_list("external_id", flat=True).first()


def find(external_id: str) -> ProcessorCustomer | None:
    """The row of a Stripe customer, if it stands for one of ours."""
    return ProcessorCustomer.objects.filter(external_id=external_id).first()


def get_or_create(
    partner_id: UUID, customer_id: str, external_id: str, *, instead_of: str = "", now: datetime
) -> str:
    """New cards of ours go to this one, unless another than `instead_of` was known before; returns
    the id of that which it is.
    """
    of(partner_id, customer_id).filter(external_id=instead_of).update(is_current=False)
    holder, _ = ProcessorCustomer.objects.get_or_create(
        partner_id=partner_id,
        customer_id=customer_id,
        is_current=True,
        defaults={"external_id": external_id, "created_at": now},
    )
    return holder.external_id


def adopt(partner_id: UUID, customer_id: str, external_id: str, *, now: datetime) -> bool:
    """The Stripe customer stands for ours, as the first or beside the one that does; False when it
    stands for somebody else.
    """
    has_one = of(partner_id, customer_id).filter(is_current=True).exists()
    holder, _ = ProcessorCustomer.objects.get_or_create(
        external_id=external_id,
        defaults={
            "partner_id": partner_id,
            "customer_id": customer_id,
            "is_current": not has_one,
            "created_at": now,
        },
    )
    return (holder.partner_id, holder.customer_id) == (partner_id, customer_id)


def lock(partner_id: UUID, customer_id: str) -> None:
    """One at a time writes the customer's cards; orders, charges and wallets are locked before."""
    list(of(partner_id, customer_id).order_by("id").select_for_update())
