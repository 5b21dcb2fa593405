"""Charges: one attempt to take an intent's amount from a card."""

from __future__ import annotations

from devstack.stripe_sandbox import disputes
from devstack.stripe_sandbox.call import Call, merge_metadata, new_id
from devstack.stripe_sandbox.cards import Decline
from devstack.stripe_sandbox.errors import Json
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import filtered
from devstack.stripe_sandbox.methods import card_of


def retrieve(call: Call) -> Json:
    return call.load("charge", call.target)


def update(call: Call) -> Json:
    charge = call.load("charge", call.target)
    charge["metadata"] = merge_metadata(charge["metadata"], call.params.get("metadata", {}))
    if "description" in call.params:
        charge["description"] = call.params["description"] or None
    emit(call, "charge.updated", call.save(charge))
    return charge


def listed(call: Call) -> Json:
    return filtered(call, "charge", "customer", "payment_intent")


def succeed(call: Call, intent: Json, method: Json) -> Json:
    """The money moved: a paid charge and, for the card that is known for it, its dispute."""
    charge = _build(call, intent, method)
    charge["balance_transaction"] = new_id("txn_3")
    emit(call, "charge.succeeded", call.save(charge))
    if card_of(method).disputes:
        disputes.open_dispute(call, charge, card_of(method).disputes == "inquiry")
    return charge


def fail(call: Call, intent: Json, method: Json, decline: Decline) -> Json:
    """The issuer refused: a charge that took nothing."""
    charge = _build(call, intent, method)
    charge.update(
        amount_captured=0,
        captured=False,
        paid=False,
        status="failed",
        failure_code=decline.code,
        failure_message=decline.message,
        outcome=_refused(decline),
        receipt_url=None,
    )
    emit(call, "charge.failed", call.save(charge))
    return charge


def _build(call: Call, intent: Json, method: Json) -> Json:
    charge_id = new_id("ch_3")
    return {
        "id": charge_id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": intent["statement_descriptor"] or "SANDBOX",
        "captured": True,
        "created": call.now,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _approved(),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _card(intent, method), "type": "card"},
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{charge_id}",
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": intent["transfer_group"],
    }


def _card(intent: Json, method: Json) -> Json:
    names = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding")
    card = {name: method["card"][name] for name in (*names, "last4", "regulated_status", "wallet")}
    return {
        **card,
        "amount_authorized": intent["amount"],
        "installments": None,
        "mandate": None,
        "network": method["card"]["brand"],
        "three_d_secure": None,
    }


def _approved() -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "Payment complete.",
        "type": "authorized",
    }


def _refused(decline: Decline) -> Json:
    return {
        **_approved(),
        "advice_code": decline.advice_code,
        "network_status": "declined_by_network",
        "reason": decline.decline_code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
