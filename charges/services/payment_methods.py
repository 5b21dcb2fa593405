"""Doors: the cards that customers save."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog
from django.db import transaction

from charges import backoff, cards, filing, holders
from charges.attempts import LEASE
from charges.cards import PaymentMethodNotFound
from charges.draining import drain
from charges.gateway import cards as card_gateway
from charges.gateway.cards import Card, Setup
from charges.gateway.client import CustomerGone, NotExecuted, OutcomeUnknown, Refused
from charges.models import PaymentMethod
from charges.processor.availability import ProcessorUnavailable, answer_needed
from foundation import queues
from foundation.actors import Actor

T = TypeVar("T")

logger = structlog.get_logger(__name__)


class PaymentMethodDeclined(Exception):
    """The card's issuer refused to have it saved; the message is the processor's."""


class PaymentMethodUnusable(Exception):
    """It is not a card, was used without being saved, or belongs to another Stripe customer."""


def attach_payment_method(
    *,
    partner_id: UUID,
    customer_id: str,
    payment_method: str,
    is_default: bool,
    stripe_customer: str = "",
    now: datetime,
) -> PaymentMethod:
    """The customer has the card, which is asked again whatever had stopped it. When asked it is the
    default, whatever was before; otherwise the newest other card is, if there is one.

    With `stripe_customer` it is already that Stripe customer's, which stands for ours from now on.
    Raises PaymentMethodNotFound, PaymentMethodDeclined, PaymentMethodUnusable,
    ProcessorUnavailable.
    """
    cards.check(partner_id, customer_id, payment_method)
    card = (
        _found(partner_id, customer_id, payment_method, stripe_customer)
        if stripe_customer
        else _attached(partner_id, customer_id, payment_method, now)
    )
    with transaction.atomic(durable=True):
        if stripe_customer and not holders.adopt(partner_id, customer_id, stripe_customer, now=now):
            raise PaymentMethodNotFound(payment_method)
        saved = filing.save(partner_id, customer_id, card, now=now)
        cards.ask_again(partner_id, customer_id, saved.external_id)
        if is_default:
            filing.make_default(saved, at=now)
        else:
            filing.yield_default(saved, now=now)
        return saved


def keep_payment_method(
    *, partner_id: UUID, customer_id: str, payment_method: str, now: datetime
) -> str:
    """The card that somebody wants to charge later, by its id at Stripe: on file before, or from
    now on. It becomes the default of a customer who has none; an empty one stays empty.

    Raises PaymentMethodNotFound, PaymentMethodDeclined, PaymentMethodUnusable,
    ProcessorUnavailable.
    """
    if not payment_method or cards.check(partner_id, customer_id, payment_method):
        return payment_method
    card = _attached(partner_id, customer_id, payment_method, now)
    with transaction.atomic(durable=True):
        saved = filing.save(partner_id, customer_id, card, now=now)
        filing.fill_default(partner_id, customer_id, now)
    return saved.external_id


def set_up_payment_method(
    *, partner_id: UUID, customer_id: str, is_default: bool, now: datetime
) -> Setup:
    """A SetupIntent with whose client secret the partner's page saves a card of the customer.

    The card is on file when Stripe tells us that it was saved. Raises ProcessorUnavailable.
    """

    def create(customer: str) -> Setup:
        return card_gateway.create_setup(
            customer=customer,
            partner_id=str(partner_id),
            customer_id=customer_id,
            is_default=is_default,
            at=now,
        )

    try:
        with answer_needed():
            return _for_customer(partner_id, customer_id, now, create)
    except Refused as refusal:  # no card is in question: it is our request that was wrong
        logger.exception("stripe.refused_setup", customer=customer_id)
        raise ProcessorUnavailable from refusal


def detach_payment_method(*, payment_method: PaymentMethod, by: Actor, now: datetime) -> None:
    """The card is charged no more. At the processor it is detached now or, when that does not
    answer, by a sweep (`detach_due`).
    """
    with transaction.atomic(durable=True):
        is_new = filing.remove(payment_method, next_attempt_at=now + LEASE, by=by, now=now)
    if is_new:
        payment_method.refresh_from_db()
        _detach(payment_method, now)


def detach_due() -> int:
    """Every removed card that is still to be detached at the processor was tried; returns how many.

    Any number may run at once: cards are claimed one by one with SKIP LOCKED.
    """
    return drain(PaymentMethod.objects.detach_due, _lease_next, _detach)


def _attached(partner_id: UUID, customer_id: str, payment_method: str, now: datetime) -> Card:
    def attach(customer: str) -> Card:
        return card_gateway.attach(payment_method, customer=customer)

    try:
        with answer_needed():
            return _for_customer(partner_id, customer_id, now, attach)
    except Refused as refusal:
        raise _refusal(payment_method, refusal) from refusal


def _found(partner_id: UUID, customer_id: str, payment_method: str, stripe_customer: str) -> Card:
    """The card that is that Stripe customer's, which we made for nobody else. Raises
    PaymentMethodNotFound, PaymentMethodUnusable, ProcessorUnavailable.
    """
    try:
        with answer_needed():
            card = card_gateway.retrieve(payment_method)
            made_for = card_gateway.customer_owner(stripe_customer)
    except Refused as refusal:
        raise _refusal(payment_method, refusal) from refusal
    is_free = made_for in (("", ""), (str(partner_id), customer_id))
    if card.customer != stripe_customer or not is_free:
        raise PaymentMethodNotFound(payment_method)
    return card


def _refusal(payment_method: str, refusal: Refused) -> Exception:
    if refusal.is_decline:
        return PaymentMethodDeclined(refusal.message)
    if isinstance(refusal, CustomerGone):  # the one that was made a moment ago
        return ProcessorUnavailable()
    if refusal.code == "resource_missing":
        return PaymentMethodNotFound(payment_method)
    return PaymentMethodUnusable(refusal.message)


def _for_customer(
    partner_id: UUID, customer_id: str, now: datetime, question: Callable[[str], T]
) -> T:
    """The answer to a question about the Stripe customer; when that is gone, about a new one."""
    customer = _customer(partner_id, customer_id, now)
    try:
        return question(customer)
    except CustomerGone:
        return question(_customer(partner_id, customer_id, now, gone=customer))


def _customer(partner_id: UUID, customer_id: str, now: datetime, *, gone: str = "") -> str:
    """The Stripe customer that new cards go to, made when there is none but one that is gone."""
    known = holders.current(partner_id, customer_id)
    if known and known != gone:
        return known
    customer = card_gateway.create_customer(
        partner_id=str(partner_id),
        customer_id=customer_id,
        number=holders.of(partner_id, customer_id).count() + 1,
    )
    with transaction.atomic(durable=True):
        return holders.get_or_create(partner_id, customer_id, customer, instead_of=gone, now=now)


def _lease_next(now: datetime) -> PaymentMethod | None:
    """The removed card that is longest due, ours for a while."""
    with transaction.atomic(durable=True):
        removed = queues.take_next(PaymentMethod.objects.detach_due(now))
        if removed:
            removed.next_attempt_at = now + LEASE
            removed.save(update_fields=["next_attempt_at"])
        return removed


def _detach(removed: PaymentMethod, now: datetime) -> None:
    """The removed card is detached at the processor, or is to be, as long again as it was."""
    again_at = None
    try:
        card_gateway.detach(removed.external_id)
    except (NotExecuted, OutcomeUnknown) as error:
        again_at = now + backoff.doubling(removed.detached_at or now, now)
        logger.warning("payment_method.detach_owed", id=str(removed.id), reason=str(error))
    with transaction.atomic(durable=True):
        PaymentMethod.objects.filter(id=removed.id).update(next_attempt_at=again_at)
