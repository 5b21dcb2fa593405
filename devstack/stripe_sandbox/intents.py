"""Payment intents but for their confirmation, which is in confirm.py."""

from __future__ import annotations

from devstack.stripe_sandbox import confirm as confirmation
from devstack.stripe_sandbox.call import Call, merge_metadata, new_id
from devstack.stripe_sandbox.errors import Json, invalid, unexpected_state, unsupported
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import filtered
from devstack.stripe_sandbox.money import check_amount, check_currency

NOT_SIMULATED = (
    "amount_details", "amount_to_confirm", "application_fee_amount", "confirmation_token",
    "customer_account", "hooks", "mandate", "on_behalf_of", "payment_details",
    "payment_method_configuration", "payment_method_options", "radar_options", "transfer_data",
)  # fmt: skip
ONLY_WITH_CONFIRM = ("off_session", "return_url", "error_on_requires_action", "use_stripe_sdk")
PLAIN = (
    "allowed_payment_method_types", "description", "excluded_payment_method_types",
    "receipt_email", "setup_future_usage", "shipping", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip
CANCELABLE = (
    "requires_payment_method", "requires_capture", "requires_confirmation", "requires_action",
    "processing",
)  # fmt: skip


def create(call: Call) -> Json:
    """With `confirm` the intent is confirmed in the same step."""
    params = call.params
    _check(params)
    confirms = params.get("confirm", False)
    for name in ONLY_WITH_CONFIRM:
        if name in params and not confirms:
            raise invalid(f"`{name}` can only be used with `confirm=true`.", name)
    if params.get("customer"):
        call.load("customer", params["customer"], "customer")
    intent = _build(call)
    _apply(call, intent)
    emit(call, "payment_intent.created", call.save(intent))
    return confirmation.confirm(call, intent) if confirms else intent


def retrieve(call: Call) -> Json:
    return call.load("payment_intent", call.target)


def listed(call: Call) -> Json:
    return filtered(call, "payment_intent", "customer")


def update(call: Call) -> Json:
    """Description and metadata at any time, what is charged only before it is."""
    params = call.params
    intent = call.load("payment_intent", call.target)
    currency = params.get("currency", intent["currency"])
    _check({**params, "amount": params.get("amount", intent["amount"]), "currency": currency})
    for name in ("amount", "currency", "customer", "payment_method", "setup_future_usage"):
        if name in params and intent["status"] not in confirmation.CONFIRMABLE:
            raise _not_now(f"This PaymentIntent's {name} could not be updated", "updated", intent)
    if params.get("customer"):
        call.load("customer", params["customer"], "customer")
        intent["customer"] = params["customer"]
    intent["amount"] = params.get("amount", intent["amount"])
    intent["currency"] = currency
    _apply(call, intent)
    return call.save(intent)


def confirm(call: Call) -> Json:
    _refuse_unsimulated(call.params)
    return confirmation.confirm(call, call.load("payment_intent", call.target))


def cancel(call: Call) -> Json:
    intent = call.load("payment_intent", call.target)
    if intent["status"] not in CANCELABLE:
        raise _not_now("You cannot cancel this PaymentIntent", "canceled", intent)
    intent["status"] = "canceled"
    intent["canceled_at"] = call.now
    intent["cancellation_reason"] = call.params.get("cancellation_reason")
    intent["next_action"] = None
    emit(call, "payment_intent.canceled", call.save(intent))
    return intent


def _not_now(what: str, verb: str, intent: Json) -> Exception:
    allowed = ", ".join(CANCELABLE if verb == "canceled" else confirmation.CONFIRMABLE)
    return unexpected_state(
        f"{what} because it has a status of {intent['status']}. Only a PaymentIntent with one of "
        f"the following statuses may be {verb}: {allowed}.",
        intent,
    )


def _check(params: Json) -> None:
    _refuse_unsimulated(params)
    check_currency(params["currency"])
    check_amount(params["amount"], params["currency"])


def _refuse_unsimulated(params: Json) -> None:
    for name in NOT_SIMULATED:
        if params.get(name):
            raise unsupported(name)
    if params.get("capture_method") == "manual":
        raise unsupported("capture_method", "manual")


def _apply(call: Call, intent: Json) -> None:
    params = call.params
    for name in PLAIN:
        if name in params:
            intent[name] = params[name] or None
    intent["metadata"] = merge_metadata(intent["metadata"], params.get("metadata", {}))
    method = confirmation.method_in(call, intent)
    if method is not None:
        intent["payment_method"] = method["id"]
        intent["status"] = "requires_confirmation"


def _build(call: Call) -> Json:
    params = call.params
    intent_id = new_id("pi_3")
    automatic = {"allow_redirects": "always", "enabled": True}
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {**automatic, **params.get("automatic_payment_methods", {})},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_{new_id('secret_', 25)}",
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": call.now,
        "currency": params["currency"],
        "customer": params.get("customer"),
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
        "_sandbox": {},
    }
