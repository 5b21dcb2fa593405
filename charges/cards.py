"""Steps about saved cards: whose they are, which Stripe customer they hang on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from charges.gateway.cards import Card
from charges.models import Charge, PaymentMethod, ProcessorCustomer


class PaymentMethodNotFound(Exception):
    def __init__(self, payment_method: str) -> None:
        super().__init__(f"There is no payment method {payment_method} of this customer.")


def check(partner_id: UUID, customer_id: str, payment_method: str) -> None:
    """Raises PaymentMethodNotFound for a card that is saved for another customer or was deleted.

    A card that nobody saved is the processor's to judge.
    """
    if not payment_method:
        return
    saved = PaymentMethod.objects.filter(external_id=payment_method).first()
    if saved is None:
        return
    is_theirs = (saved.partner_id, saved.customer_id) == (partner_id, customer_id)
    if not is_theirs or saved.detached_at:
        raise PaymentMethodNotFound(payment_method)


def customer_of(partner_id: UUID, customer_id: str) -> str | None:
    """The id of the Stripe customer, if there is one."""
    found = ProcessorCustomer.objects.filter(partner_id=partner_id, customer_id=customer_id)
    return found.values_list("external_id", flat=True).first()


def external_customer_of(charge: Charge) -> str | None:
    """The Stripe customer that the charge's card is saved with; None for a card not saved."""
    saved = PaymentMethod.objects.filter(external_id=charge.card)
    return saved.values_list("external_customer_id", flat=True).first()


def know_customer(
    partner_id: UUID, customer_id: str, external_id: str, now: datetime
) -> ProcessorCustomer:
    """The Stripe customer that stands for ours, locked: the one known before, or this one."""
    customer, _ = ProcessorCustomer.objects.select_for_update().get_or_create(
        partner_id=partner_id,
        customer_id=customer_id,
        defaults={"external_id": external_id, "created_at": now},
    )
    return customer


def save(
    partner_id: UUID,
    customer_id: str,
    external_customer_id: str,
    card: Card,
    *,
    is_default: bool,
    now: datetime,
) -> PaymentMethod:
    """The card is on file; as the default it takes the place of the one before."""
    customer = know_customer(partner_id, customer_id, external_customer_id, now)
    if is_default:
        PaymentMethod.objects.filter(
            partner_id=partner_id, customer_id=customer_id, is_default=True
        ).update(is_default=False)
    saved, _ = PaymentMethod.objects.update_or_create(
        external_id=card.external_id,
        defaults={"is_default": is_default},
        create_defaults={
            "partner_id": partner_id,
            "customer_id": customer_id,
            "external_customer_id": customer.external_id,
            "brand": card.brand,
            "last4": card.last4,
            "exp_month": card.exp_month,
            "exp_year": card.exp_year,
            "is_default": is_default,
            "created_at": now,
        },
    )
    return saved
