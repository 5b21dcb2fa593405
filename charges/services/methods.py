"""Doors: the cards that customers save."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from charges import cards, collection
from charges.cards import PaymentMethodNotFound
from charges.gateway import cards as card_gateway
from charges.gateway.cards import Card, Setup
from charges.gateway.client import Refused
from charges.models import PaymentMethod, ProcessorCustomer
from charges.services.processor import asked
from partners.actors import Actor

SHOWN = ["brand", "last4", "exp_month", "exp_year"]


class PaymentMethodDeclined(Exception):
    """The card could not be saved; the message is the processor's."""


def attach_payment_method(
    *, partner_id: UUID, customer_id: str, payment_method: str, is_default: bool, now: datetime
) -> PaymentMethod:
    """The customer has the card, as the default when asked. Attaching it again changes no more.

    Raises PaymentMethodNotFound, PaymentMethodDeclined, ProcessorAway.
    """
    cards.check(partner_id, customer_id, payment_method)
    try:
        with asked():
            customer = _customer(partner_id, customer_id)
            card = card_gateway.attach(payment_method, customer=customer)
    except Refused as refusal:
        if refusal.code == "resource_missing":
            raise PaymentMethodNotFound(payment_method) from refusal
        raise PaymentMethodDeclined(refusal.message) from refusal
    with transaction.atomic(durable=True):
        return cards.save(partner_id, customer_id, customer, card, is_default=is_default, now=now)


def set_up_payment_method(
    *, partner_id: UUID, customer_id: str, is_default: bool, now: datetime
) -> Setup:
    """A SetupIntent with whose client secret the partner's page saves a card of the customer.

    The card is on file when Stripe tells us that it was saved. Raises ProcessorAway,
    PaymentMethodDeclined.
    """
    try:
        with asked():
            customer = _customer(partner_id, customer_id)
            with transaction.atomic(durable=True):
                known = cards.know_customer(partner_id, customer_id, customer, now)
            return card_gateway.create_setup(
                customer=known.external_id,
                partner_id=str(partner_id),
                customer_id=customer_id,
                is_default=is_default,
            )
    except Refused as refusal:
        raise PaymentMethodDeclined(refusal.message) from refusal


def detach_payment_method(*, payment_method: PaymentMethod, now: datetime) -> None:
    """The card is charged no more, here and at the processor. Raises ProcessorAway."""
    with transaction.atomic(durable=True):
        PaymentMethod.objects.filter(id=payment_method.id).update(detached_at=now, is_default=False)
    with asked():
        card_gateway.detach(payment_method.external_id)


def hear_of_card(*, external_id: str, by: Actor, now: datetime) -> str:
    """The saved card is as the processor has it now: renewed, or removed. Returns what that was.

    A renewed card may be asked again where a hard decline had stopped it. Raises what the gateway
    raises.
    """
    saved = PaymentMethod.objects.filter(external_id=external_id).first()
    if saved is None:
        return "No card here has this id."
    card = card_gateway.retrieve(external_id)
    with transaction.atomic(durable=True):
        if card.customer != saved.external_customer_id:
            gone = PaymentMethod.objects.filter(id=saved.id, detached_at=None)
            gone.update(detached_at=now, is_default=False)
            return "The card was removed."
        return _renew(saved, card, by, now)


def hear_of_setup(*, external_id: str, now: datetime) -> str:
    """The card that a customer saved on the partner's page is on file. Returns what was done.

    Raises what the gateway raises.
    """
    setup = card_gateway.retrieve_setup(external_id)
    owner = ProcessorCustomer.objects.filter(
        external_id=setup.customer, customer_id=setup.customer_id
    ).first()
    if owner is None or str(owner.partner_id) != setup.partner_id:
        return "No customer here has set this up."
    if setup.status != "succeeded":
        return f"The setup is {setup.status}."
    card = card_gateway.retrieve(setup.payment_method)
    gone = PaymentMethod.objects.filter(external_id=card.external_id, detached_at__isnull=False)
    if card.customer != owner.external_id or gone.exists():
        return "The card was removed meanwhile."
    with transaction.atomic(durable=True):
        cards.save(
            owner.partner_id,
            owner.customer_id,
            owner.external_id,
            card,
            is_default=setup.is_default,
            now=now,
        )
    return "The card is on file."


def _customer(partner_id: UUID, customer_id: str) -> str:
    return cards.customer_of(partner_id, customer_id) or card_gateway.create_customer(
        partner_id=str(partner_id), customer_id=customer_id
    )


def _renew(saved: PaymentMethod, card: Card, by: Actor, now: datetime) -> str:
    fresh = {name: getattr(card, name) for name in SHOWN}
    if all(getattr(saved, name) == value for name, value in fresh.items()):
        return "The card is as it was."
    PaymentMethod.objects.filter(id=saved.id).update(**fresh)
    collection.owner().card_renewed(saved.partner_id, saved.external_id, by=by, now=now)
    return "The card was renewed."
