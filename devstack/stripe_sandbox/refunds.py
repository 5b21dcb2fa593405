"""Refunds: never more than was charged; two test cards refund late or not at all."""

from __future__ import annotations

from devstack.stripe_sandbox.call import Call, merge_metadata, new_id, secret
from devstack.stripe_sandbox.errors import ApiError, Json, invalid, unsupported
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import filtered
from devstack.stripe_sandbox.methods import card_of
from devstack.stripe_sandbox.money import check_positive, check_steps, spoken

# Seconds of the sandbox's clock until a late refund succeeds or fails.
LATE = 60
NOT_SIMULATED = ("origin", "reverse_transfer", "refund_application_fee", "customer", "currency")


def create(call: Call) -> Json:
    for name in NOT_SIMULATED:
        if name in call.params:
            raise unsupported(name)
    charge = _charge(call)
    amount = _amount(call, charge)
    refund = _build(call, charge, amount)
    call.save(refund)
    _count(charge, amount)
    emit(call, "refund.created", refund)
    emit(call, "charge.refunded", call.save(charge))
    return refund


def retrieve(call: Call) -> Json:
    return call.load("refund", call.target)


def update(call: Call) -> Json:
    refund = call.load("refund", call.target)
    refund["metadata"] = merge_metadata(refund["metadata"], call.params.get("metadata", {}))
    _announce(call, refund)
    return refund


def listed(call: Call) -> Json:
    return filtered(call, "refund", "charge", "payment_intent")


def cancel(call: Call) -> Json:
    refund = call.load("refund", call.target)
    if refund["status"] not in ("pending", "requires_action"):
        raise ApiError(400, f"You cannot cancel a refund with status {refund['status']}.")
    refund["status"] = "canceled"
    for note in ("becomes", "due"):
        secret(refund).pop(note, None)
    _give_back(call, refund)
    _announce(call, refund)
    return refund


def auto_apply(call: Call) -> None:
    """Every late refund whose time has come is what it becomes."""
    for refund in call.store.select("refund", "AND due <= ? ORDER BY seq", (call.now,)):
        refund["status"] = secret(refund).pop("becomes")
        del secret(refund)["due"]
        if refund["status"] == "failed":
            refund["failure_reason"] = "expired_or_canceled_card"
            refund["failure_balance_transaction"] = new_id("txn_3")
            _give_back(call, refund)
        _announce(call, refund)
        if refund["status"] == "failed":
            emit(call, "refund.failed", refund)


def _announce(call: Call, refund: Json) -> None:
    emit(call, "refund.updated", call.save(refund))
    emit(call, "charge.refund.updated", refund)


def _charge(call: Call) -> Json:
    if "charge" in call.params:
        charge = call.load("charge", call.params["charge"], "charge")
    elif "payment_intent" in call.params:
        charge = _charge_of_intent(call)
    else:
        text = "One of the following params should be provided for this request: payment_intent "
        raise invalid(text + "or charge.", code="parameter_missing")
    if charge["disputed"]:
        text = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise ApiError(400, text, code="charge_disputed")
    return charge


def _charge_of_intent(call: Call) -> Json:
    intent = call.load("payment_intent", call.params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        text = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise ApiError(400, text, code="payment_intent_unexpected_state", payment_intent=intent)
    return call.load("charge", intent["latest_charge"])


def _amount(call: Call, charge: Json) -> int:
    if not charge["paid"]:
        raise ApiError(400, f"Charge {charge['id']} failed; it cannot be refunded.")
    left: int = charge["amount"] - charge["amount_refunded"]
    amount: int = call.params.get("amount", left)
    if left == 0:
        text = f"Charge {charge['id']} has already been refunded."
        raise ApiError(400, text, code="charge_already_refunded")
    check_positive(amount, "amount")
    if amount > left:
        whole = "charge amount" if left == charge["amount"] else "unrefunded amount on charge"
        currency = charge["currency"]
        text = f"Refund amount ({_short(amount, currency)}) is greater than {whole} "
        raise ApiError(400, f"{text}({_short(left, currency)})", param="amount")
    check_steps(amount, charge["currency"])
    return amount


def _short(amount: int, currency: str) -> str:
    return spoken(amount, currency).removesuffix(f" {currency}")


def _count(charge: Json, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def _give_back(call: Call, refund: Json) -> None:
    """The refund did not reach the card: its amount can be refunded again."""
    charge = call.load("charge", refund["charge"])
    _count(charge, -refund["amount"])
    call.save(charge)


def _build(call: Call, charge: Json, amount: int) -> Json:
    method = call.load("payment_method", charge["payment_method"])
    behaviour = card_of(method).refunds
    becomes = {"pend": "succeeded", "fail_later": "failed"}.get(behaviour)
    pending = behaviour == "pend"
    return {
        "id": new_id("re_3"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn_3"),
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number"},
            "type": "card",
        },
        "metadata": merge_metadata({}, call.params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if pending else "succeeded",
        "transfer_reversal": None,
        **({"pending_reason": "processing"} if pending else {}),
        "_sandbox": {"becomes": becomes, "due": call.now + LATE} if becomes else {},
    }
