"""Disputes and inquiries: opened by the cards made for it, ended by us or by a test."""

from __future__ import annotations

from devstack.stripe_sandbox.call import Call, merge_metadata, new_id
from devstack.stripe_sandbox.errors import ApiError, Json, invalid
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import filtered

DAYS_TO_ANSWER = 9 * 24 * 3600
FEE = 1500
CLOSED = ("won", "lost", "warning_closed")


def retrieve(call: Call) -> Json:
    return call.load("dispute", call.target)


def listed(call: Call) -> Json:
    return filtered(call, "dispute", "charge", "payment_intent")


def update(call: Call) -> Json:
    """Metadata and evidence; with `submit` the dispute goes to the bank."""
    dispute = call.load("dispute", call.target)
    dispute["metadata"] = merge_metadata(dispute["metadata"], call.params.get("metadata", {}))
    if call.params.get("evidence"):
        dispute["evidence"].update(call.params["evidence"])
        dispute["evidence_details"]["has_evidence"] = True
        if call.params.get("submit", True):
            dispute["evidence_details"]["submission_count"] += 1
            prefix = "warning_" if is_inquiry(dispute) else ""
            dispute["status"] = f"{prefix}under_review"
    emit(call, "charge.dispute.updated", call.save(dispute))
    return dispute


def close(call: Call) -> Json:
    """Accepted by us, therefore lost."""
    return _end(call, "lost")


def decide(call: Call) -> Json:
    """The bank's decision, asked for by a test."""
    status = call.params.get("status")
    if status not in CLOSED:
        raise invalid(f"status must be one of {', '.join(CLOSED)}", "status")
    return _end(call, status)


def is_inquiry(dispute: Json) -> bool:
    status: str = dispute["status"]
    return status.startswith("warning_")


def open_dispute(call: Call, charge: Json, inquiry: bool = False) -> Json:
    """The cardholder took the money back or, in an inquiry, asks about it: nothing moves then."""
    dispute = _build(call, charge)
    if inquiry:
        dispute["status"] = "warning_needs_response"
        dispute["is_charge_refundable"] = True
    emit(call, "charge.dispute.created", call.save(dispute))
    if not inquiry:
        _withdraw(call, charge, dispute)
    return dispute


def escalate(call: Call) -> Json:
    """The inquiry becomes a dispute, asked for by a test."""
    dispute = call.load("dispute", call.target)
    if not is_inquiry(dispute) or dispute["status"] in CLOSED:
        raise ApiError(400, "Only an open inquiry can become a dispute.", param="dispute")
    dispute["status"] = "needs_response"
    emit(call, "charge.dispute.updated", call.save(dispute))
    _withdraw(call, call.load("charge", dispute["charge"]), dispute)
    return dispute


def _withdraw(call: Call, charge: Json, dispute: Json) -> None:
    charge["disputed"] = True
    call.save(charge)
    dispute["balance_transactions"].append(_movement(call, -charge["amount"], dispute))
    emit(call, "charge.dispute.funds_withdrawn", call.save(dispute))


def _end(call: Call, status: str) -> Json:
    dispute = call.load("dispute", call.target)
    if dispute["status"] in CLOSED:
        raise ApiError(400, "This dispute is already closed", param="dispute")
    previous = {"status": dispute["status"]}
    dispute["status"] = status
    emit(call, "charge.dispute.closed", call.save(dispute), previous)
    if status == "won":
        dispute["balance_transactions"].append(_movement(call, dispute["amount"], dispute))
        emit(call, "charge.dispute.funds_reinstated", call.save(dispute))
        charge = call.load("charge", dispute["charge"])
        charge["disputed"] = False
        call.save(charge)
    return dispute


def _build(call: Call, charge: Json) -> Json:
    return {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": call.now + DAYS_TO_ANSWER,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": "fraudulent",
        "status": "needs_response",
    }


def _movement(call: Call, amount: int, dispute: Json) -> Json:
    fee = FEE if amount < 0 else 0
    return {
        "id": new_id("txn_1"),
        "object": "balance_transaction",
        "amount": amount,
        "created": call.now,
        "currency": dispute["currency"],
        "fee": fee,
        "net": amount - fee,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }
