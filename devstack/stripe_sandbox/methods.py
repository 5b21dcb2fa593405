"""Payment methods: cards by their test names, attached to customers or used once."""

from __future__ import annotations

import hashlib
import time

from devstack.stripe_sandbox.call import Call, merge_metadata, new_id, secret
from devstack.stripe_sandbox.cards import CARDS, Card, Decline, named
from devstack.stripe_sandbox.errors import (
    ApiError,
    Json,
    doc_url,
    invalid,
    missing_parameter,
    unsupported,
)
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import filtered

USED_UP = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
    "attachment, shared with a connected account without Customer attachment, or was detached "
    "from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must "
    "attach it to a Customer first."
)


BANK_ACCOUNT = "pm_usBankAccount_success"
"""Stripe's test name of a payment method that is no card."""


def create(call: Call) -> Json:
    """From `card[token]=tok_x`; card numbers are refused, as Stripe does by default."""
    params = call.params
    if params.get("type", "card") != "card":
        raise unsupported("type", params["type"])
    if "type" not in params:
        raise missing_parameter("type")
    return call.save(from_data(call, params))


def from_data(call: Call, data: Json) -> Json:
    """A card from `{"type": "card", "card": {"token": "tok_visa"}}`, not stored yet."""
    card = data.get("card")
    if not isinstance(card, dict):
        raise missing_parameter("card")
    if "token" not in card:
        raise ApiError(
            402,
            "Sending credit card numbers directly to the Stripe API is generally unsafe. We "
            "suggest you use test tokens that map to the test card you are using, see "
            "https://docs.stripe.com/testing.",
            executed=False,
        )
    name = named(card["token"])
    if name is None:
        raise invalid(f"No such token: '{card['token']}'", "card[token]", "resource_missing")
    method = _build(call, name)
    method["billing_details"].update(data.get("billing_details") or {})
    method["metadata"] = merge_metadata({}, data.get("metadata", {}))
    return method


def retrieve(call: Call) -> Json:
    return resolve(call, call.target)


def update(call: Call) -> Json:
    method = call.load("payment_method", call.target)
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    params = call.params
    method["metadata"] = merge_metadata(method["metadata"], params.get("metadata", {}))
    method["billing_details"].update(params.get("billing_details") or {})
    card = params.get("card") or {}
    method["card"].update({k: card[k] for k in ("exp_month", "exp_year") if k in card})
    emit(call, "payment_method.updated", call.save(method))
    return method


def listed(call: Call) -> Json:
    call.load("customer", call.params.get("customer", ""), "customer")
    return filtered(call, "payment_method", "customer", "type")


def listed_of_customer(call: Call) -> Json:
    call.load("customer", call.target)
    call.params["customer"] = call.target
    listing = filtered(call, "payment_method", "customer", "type")
    listing["url"] = f"/v1/customers/{call.target}/payment_methods"
    return listing


def attach(call: Call) -> Json:
    """A test name is copied into a method of its own first, so the id in the answer is new."""
    if "customer" not in call.params:
        raise missing_parameter("customer")
    call.load("customer", call.params["customer"], "customer")
    method = resolve(call, call.target)
    check_attachable(method)
    attach_to(call, method, call.params["customer"])
    return method


def detach(call: Call) -> Json:
    method = call.load("payment_method", call.target)
    if method["customer"] is None:
        text = "The payment method you provided is not attached to a customer so detachment is "
        raise ApiError(400, text + "impossible.")
    return detach_from_customer(call, method)


def detach_from_customer(call: Call, method: Json) -> Json:
    previous = {"customer": method["customer"]}
    method["customer"] = None
    secret(method)["used"] = True
    emit(call, "payment_method.detached", call.save(method), previous)
    return method


def attach_to(call: Call, method: Json, customer: str) -> None:
    method["customer"] = customer
    emit(call, "payment_method.attached", call.save(method))


def check_attachable(method: Json) -> None:
    """ApiError 400 when it is taken or used up, 402 when Stripe's check of the card fails."""
    if method["customer"] is not None:
        text = "The payment method you provided has already been attached to a customer."
        raise ApiError(400, text)
    if secret(method).get("used"):
        raise ApiError(400, USED_UP, code="payment_method_unexpected_state")
    card = card_of(method)
    if card.decline and not card.attaches:
        raise ApiError(402, card.decline.message, **declined(card.decline, method))


def declined(decline: Decline, method: Json) -> Json:
    """The fields of a `card_error`, but for its message."""
    return {
        "type_": "card_error",
        "code": decline.code,
        "decline_code": decline.decline_code,
        "advice_code": decline.advice_code,
        "param": {"incorrect_cvc": "cvc", "expired_card": "exp_month"}.get(decline.code),
        "payment_method": method,
    }


def payment_error(decline: Decline, method: Json, charge: str | None) -> Json:
    """What `last_payment_error` and `last_setup_error` say of a decline."""
    fields = declined(decline, method)
    fields["type"] = fields.pop("type_")
    fields.update(charge=charge, message=decline.message, doc_url=doc_url(decline.code))
    return {name: value for name, value in fields.items() if value is not None}


def resolve(call: Call, name: str, param: str | None = None) -> Json:
    """The stored method, or a new one for a test name such as `pm_card_visa`."""
    if name == BANK_ACCOUNT:
        return call.save(_bank_account(call))
    card = named(name)
    if card is None or not name.startswith("pm_"):
        return call.load("payment_method", name, param)
    return call.save(_build(call, card))


def check_type(method: Json, intent: Json) -> None:
    """ApiError 400 for a type of payment method that the intent does not offer."""
    offered = intent["payment_method_types"]
    if method["type"] not in offered:
        kind = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}[intent["object"]]
        text = (
            f"The PaymentMethod provided ({method['type']}) is not allowed for this {kind}. Please "
            "attach an allowed PaymentMethod type, and try again. Allowed PaymentMethod types: "
            f"{', '.join(offered)}."
        )
        raise invalid(text, "payment_method")


def become(call: Call) -> Json:
    """The issuer treats the card, saved or not, as the test card in `card` from now on."""
    method = call.load("payment_method", call.target)
    name = call.params.get("card")
    if name not in CARDS:
        raise invalid(f"No such test card: {name!r}", "card")
    secret(method)["card"] = name
    return call.save(method)


def check_usable(method: Json, customer: str | None) -> None:
    """ApiError 400 for another customer's method, or one whose single use is over."""
    owner = method["customer"]
    if owner is None and secret(method).get("used"):
        raise ApiError(400, USED_UP, code="payment_method_unexpected_state")
    if owner is not None and customer is None:
        text = (
            f"The payment method `{method['id']}` is attached to a customer, so for security "
            "purposes you must provide the customer in the request."
        )
        raise ApiError(400, text, param="payment_method")
    if owner is not None and owner != customer:
        text = (
            f"The PaymentMethod provided ({method['id']}) belongs to the Customer {owner}. It "
            f"can't be used with the Customer {customer}."
        )
        raise ApiError(400, text, param="payment_method")


def card_of(method: Json) -> Card:
    return CARDS[secret(method)["card"]]


def _build(call: Call, name: str) -> Json:
    nobody = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": nobody,
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        "card": _card_details(name, CARDS[name]),
        "created": call.now,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_sandbox": {"card": name},
    }


def _bank_account(call: Call) -> Json:
    method = _build(call, "visa")
    del method["card"]
    method["type"] = "us_bank_account"
    method["us_bank_account"] = {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": hashlib.sha256(BANK_ACCOUNT.encode()).hexdigest()[:16],
        "last4": "6789",
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": None,
    }
    return method


def _card_details(name: str, card: Card) -> Json:
    unchecked = {"address_line1_check": None, "address_postal_code_check": None}
    return {
        "brand": card.brand,
        "checks": {**unchecked, "cvc_check": "unchecked"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 8,
        "exp_year": time.gmtime().tm_year + 1,
        "fingerprint": hashlib.sha256(name.encode()).hexdigest()[:16],
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
