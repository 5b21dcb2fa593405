"""Customers, payment methods and SetupIntents at Stripe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from charges.gateway.client import NotUnderstood, Refused, ask, client, plain, printable

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Card:
    """A payment method of the type card; `customer` is the Stripe customer that has it."""

    external_id: str
    customer: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class Setup:
    """A SetupIntent: a card being saved on the partner's page, as the default when asked `at`."""

    id: str
    status: str
    client_secret: str
    payment_method: str
    customer: str
    partner_id: str
    customer_id: str
    is_default: bool
    at: datetime


def create_customer(*, partner_id: str, customer_id: str, number: int) -> str:
    """The id of the Stripe customer for ours. The number counts those that stood for it: Stripe
    answers a repeated key for a day with what it made then, though it was deleted since.
    """
    nth = f":{number}" if number > 1 else ""
    customer = ask(
        lambda: client().v1.customers.create(
            params={"metadata": {"partner_id": partner_id, "customer_id": customer_id}},
            options={"idempotency_key": f"{partner_id}:{customer_id}:customer{nth}"},
        )
    )
    return str(customer.id)


def customer_owner(external_id: str) -> tuple[str, str] | None:
    """For whom we made the Stripe customer, partner and customer, empty when somebody else made it;
    None for one that was deleted. Raises Refused for one that Stripe does not know.
    """
    data = plain(ask(lambda: client().v1.customers.retrieve(external_id)))
    if data.get("deleted"):
        return None
    metadata = data.get("metadata") or {}
    return str(metadata.get("partner_id", "")), str(metadata.get("customer_id", ""))


def attach(payment_method: str, *, customer: str) -> Card:
    """The card belongs to the customer. Raises Refused when it does not exist, is not a card, is
    declined or belongs to another, and CustomerGone.

    It is looked at first: what is not a card stays as it is, and one that was attached before, when
    the answer was lost perhaps, would be refused.
    """
    card = retrieve(payment_method)
    if card.customer == customer:
        return card
    methods = client().v1.payment_methods
    return _read(ask(lambda: methods.attach(payment_method, params={"customer": customer})))


def retrieve(payment_method: str) -> Card:
    """Raises Refused for one that Stripe does not know, or that is not a card."""
    return _read(ask(lambda: client().v1.payment_methods.retrieve(payment_method)))


def detach(payment_method: str) -> None:
    """The card belongs to nobody; one that the processor has forgotten does so already."""
    try:
        ask(lambda: client().v1.payment_methods.detach(payment_method))
    except Refused as refusal:
        logger.info("payment_method.detached_already", reason=refusal.message)


def create_setup(
    *, customer: str, partner_id: str, customer_id: str, is_default: bool, at: datetime
) -> Setup:
    """A SetupIntent by which the partner's page saves a card, and nothing else, for later charges.

    Raises CustomerGone. https://docs.stripe.com/api/setup_intents/create
    """
    params: Any = {
        "customer": customer,
        "usage": "off_session",
        "allowed_payment_method_types": ["card"],
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "metadata": {
            "partner_id": partner_id,
            "customer_id": customer_id,
            "default": "true" if is_default else "false",
            "asked_at": at.isoformat(),
        },
    }
    return _setup(ask(lambda: client().v1.setup_intents.create(params=params)))


def retrieve_setup(setup_id: str) -> Setup:
    return _setup(ask(lambda: client().v1.setup_intents.retrieve(setup_id)))


def _read(raw: Any) -> Card:
    data = plain(raw)
    card = data.get("card")
    if not card:
        raise Refused("not_a_card", "Only cards are taken.")
    try:
        return Card(
            external_id=str(data["id"]),
            customer=str(data.get("customer") or ""),
            brand=printable(card["brand"]),
            last4=printable(card["last4"]),
            exp_month=int(card["exp_month"]),
            exp_year=int(card["exp_year"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(printable(f"The answer is not a card: {error}")) from error


def _setup(raw: Any) -> Setup:
    try:
        data = plain(raw)
        metadata = data.get("metadata") or {}
        return Setup(
            id=str(data["id"]),
            status=str(data["status"]),
            client_secret=str(data["client_secret"]),
            payment_method=str(data.get("payment_method") or ""),
            customer=str(data.get("customer") or ""),
            partner_id=str(metadata.get("partner_id", "")),
            customer_id=str(metadata.get("customer_id", "")),
            is_default=metadata.get("default") != "false",
            at=datetime.fromisoformat(metadata["asked_at"])
            if "asked_at" in metadata
            else datetime.fromtimestamp(int(data["created"]), UTC),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(printable(f"The answer is not a SetupIntent: {error}")) from error
