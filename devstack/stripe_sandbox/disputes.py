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
    """The bank's decision, asked for by a test. It may change its mind: won after lost, lost after
    won. `amount`: what it gives back of a dispute that is won, else all.
    """
    status = call.params.get("status")
    if status not in CLOSED:
        raise invalid(f"status must be one of {', '.join(CLOSED)}", "status")
    return _end(call, status, may_change=True)


def is_inquiry(dispute: Json) -> bool:
    status: str = dispute["status"]
    return status.startswith("warning_")


def begin(call: Call) -> Json:
    """The cardholder disputes a charge that was paid, asked for by a test: `amount` of it or, also
    when it was refunded, all; with `inquiry` the bank only asks.
    """
    charge = call.load("charge", call.target)
    if not charge["paid"]:
        raise ApiError(400, "Only a paid charge can be disputed.", param="charge")
    amount = call.params.get("amount", charge["amount"])
    return open_dispute(call, charge, call.params.get("inquiry", False), amount)


def open_dispute(
    call: Call, charge: Json, inquiry: bool = False, amount: int | None = None
) -> Json:
    """The cardholder took the money back or, in an inquiry, asks about it: nothing moves then."""
    dispute = _build(call, charge, amount or charge["amount"])
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
    taken = dispute["amount"] - _withdrawn(dispute)
    dispute["balance_transactions"].append(_movement(call, -taken, dispute))
    emit(call, "charge.dispute.funds_withdrawn", call.save(dispute))


def _withdrawn(dispute: Json) -> int:
    """What the bank has now."""
    moved: list[int] = [movement["amount"] for movement in dispute["balance_transactions"]]
    return -sum(moved)


def _end(call: Call, status: str, may_change: bool = False) -> Json:
    dispute = call.load("dispute", call.target)
    if dispute["status"] == status or (dispute["status"] in CLOSED and not may_change):
        raise ApiError(400, "This dispute is already closed", param="dispute")
    previous = {"status": dispute["status"]}
    dispute["status"] = status
    emit(call, "charge.dispute.closed", call.save(dispute), previous)
    charge = call.load("charge", dispute["charge"])
    if status == "won":
        _reinstate(call, charge, dispute)
    elif status == "lost" and _withdrawn(dispute) < dispute["amount"]:
        _withdraw(call, charge, dispute)
    return dispute


def _reinstate(call: Call, charge: Json, dispute: Json) -> None:
    amount = call.params.get("amount", _withdrawn(dispute))
    dispute["balance_transactions"].append(_movement(call, amount, dispute))
    emit(call, "charge.dispute.funds_reinstated", call.save(dispute))
    charge["disputed"] = False
    call.save(charge)


def _build(call: Call, charge: Json, amount: int) -> Json:
    return {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": amount,
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
    """A balance transaction; the bank's withdrawal costs a fee, which no victory brings back.

    https://docs.stripe.com/api/balance_transactions/object
    """
    fee = FEE if amount < 0 else 0
    what = "withdrawal" if amount < 0 else "reversal"
    return {
        "id": new_id("txn_1"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": call.now,
        "balance_type": "payments",
        "created": call.now,
        "currency": dispute["currency"],
        "description": f"Chargeback {what} for {dispute['charge']}",
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [_fee_detail(fee, dispute["currency"])] if fee else [],
        "net": amount - fee,
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }


def _fee_detail(fee: int, currency: str) -> Json:
    return {
        "amount": fee,
        "application": None,
        "currency": currency,
        "description": "Dispute fee",
        "type": "stripe_fee",
    }
