"""Doors: saved cards follow the processor's cards, setups and customers, fetched each time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from charges import cards, filing, holders
from charges.cards import PaymentMethodNotFound
from charges.gateway import cards as card_gateway
from charges.gateway.cards import Card
from charges.gateway.client import Refused
from charges.models import PaymentMethod
from foundation.actors import Actor


def sync_card(*, external_id: str, by: Actor, now: datetime) -> str:
    """The saved card is as the processor has it now: renewed, or removed. Returns what that was.

    A renewed card may be asked again where a hard decline had stopped it. Raises what the gateway
    raises.
    """
    saved = PaymentMethod.objects.filter(external_id=external_id).first()
    if saved is None:
        return "No card here has this id."
    card = _seen(external_id)
    with transaction.atomic(durable=True):
        if card is None or card.customer != saved.external_customer_id:
            filing.remove(saved, by=by, now=now)
            return "The card was removed."
        return _renew(saved, card)


def sync_setup(*, external_id: str, now: datetime) -> str:
    """The card that a customer saved on the partner's page is on file; the default, when that was
    asked for later than the present one was. Returns what was done.

    Raises what the gateway raises.
    """
    setup = card_gateway.retrieve_setup(external_id)
    holder = holders.find(setup.customer)
    asked_for = (setup.partner_id, setup.customer_id)
    if holder is None or (str(holder.partner_id), holder.customer_id) != asked_for:
        return "No customer here has set this up."
    if setup.status != "succeeded":
        return f"The setup is {setup.status}."
    card = card_gateway.retrieve(setup.payment_method)
    if card.customer != holder.external_id:
        return "The card was removed meanwhile."
    try:
        with transaction.atomic(durable=True):
            saved = filing.save(holder.partner_id, holder.customer_id, card, now=now)
            if setup.is_default:
                filing.make_default(saved, at=setup.at)
    except PaymentMethodNotFound:
        return "The card was removed meanwhile."
    return "The card is on file."


def sync_customer(*, external_id: str, by: Actor, now: datetime) -> str:
    """The cards of a Stripe customer that was deleted are gone. Returns what was done.

    Raises what the gateway raises.
    """
    holder = holders.find(external_id)
    if holder is None:
        return "No customer here is this one."
    if card_gateway.customer_owner(external_id) is not None:
        return "The customer is there."
    with transaction.atomic(durable=True):
        count = filing.remove_all(holder, by=by, now=now)
    return f"The customer is gone, and {count} cards."


def _seen(external_id: str) -> Card | None:
    """The card as the processor has it; None when it does not."""
    try:
        return card_gateway.retrieve(external_id)
    except Refused as refusal:
        if refusal.code != "resource_missing":
            raise
        return None


def _renew(saved: PaymentMethod, card: Card) -> str:
    fresh = {name: getattr(card, name) for name in filing.SHOWN}
    if all(getattr(saved, name) == value for name, value in fresh.items()):
        return "The card is as it was."
    PaymentMethod.objects.filter(id=saved.id).update(**fresh)
    cards.ask_again(saved.partner_id, saved.customer_id, saved.external_id)
    return "The card was renewed."
