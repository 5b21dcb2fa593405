"""Setup intents: a card is checked and kept for later, no money moves."""

from __future__ import annotations

from devstack.stripe_sandbox import methods
from devstack.stripe_sandbox.call import Call, merge_metadata, new_id, secret
from devstack.stripe_sandbox.confirm import CONFIRMABLE, RETURN_URL_NEEDED, method_in, next_action
from devstack.stripe_sandbox.errors import ApiError, Json, invalid, unexpected_state, unsupported
from devstack.stripe_sandbox.events import emit
from devstack.stripe_sandbox.listing import filtered

NOT_SIMULATED = (
    "attach_to_self", "confirmation_token", "customer_account", "flow_directions", "on_behalf_of",
    "payment_method_configuration", "payment_method_options", "single_use",
)  # fmt: skip

OFFERED = ["card", "us_bank_account"]
"""What the account has enabled, where an intent does not say less."""


def create(call: Call) -> Json:
    params = call.params
    _refuse_unsimulated(params)
    if params.get("customer"):
        call.load("customer", params["customer"], "customer")
    intent = _build(call)
    method = method_in(call, intent)
    if method is not None:
        intent.update(payment_method=method["id"], status="requires_confirmation")
    emit(call, "setup_intent.created", call.save(intent))
    return _confirm(call, intent) if params.get("confirm") else intent


def retrieve(call: Call) -> Json:
    return call.load("setup_intent", call.target)


def listed(call: Call) -> Json:
    return filtered(call, "setup_intent", "customer")


def update(call: Call) -> Json:
    _refuse_unsimulated(call.params)
    intent = call.load("setup_intent", call.target)
    intent["metadata"] = merge_metadata(intent["metadata"], call.params.get("metadata", {}))
    if "description" in call.params:
        intent["description"] = call.params["description"] or None
    return call.save(intent)


def confirm(call: Call) -> Json:
    _refuse_unsimulated(call.params)
    return _confirm(call, call.load("setup_intent", call.target))


def cancel(call: Call) -> Json:
    intent = call.load("setup_intent", call.target)
    if intent["status"] not in CONFIRMABLE:
        text = f"You cannot cancel this SetupIntent because it has a status of {intent['status']}."
        raise unexpected_state(text, intent)
    intent["status"] = "canceled"
    intent["cancellation_reason"] = call.params.get("cancellation_reason")
    emit(call, "setup_intent.canceled", call.save(intent))
    return intent


def authenticate(call: Call) -> Json:
    """The cardholder's answer to 3-D Secure: `outcome` is `succeed` or `fail`."""
    intent = call.load("setup_intent", call.target)
    outcome = call.params.get("outcome")
    if outcome not in ("succeed", "fail"):
        raise invalid("outcome must be succeed or fail", "outcome")
    if intent["status"] != "requires_action":
        raise unexpected_state(f"No authentication is awaited: {intent['status']}.", intent)
    method = call.load("payment_method", intent["payment_method"])
    intent["next_action"] = None
    if outcome == "succeed":
        return _succeed(call, intent, method)
    code = "setup_intent_authentication_failure"
    error = {"code": code, "payment_method": method, "type": "invalid_request_error"}
    return _fail(call, intent, error)


def _confirm(call: Call, intent: Json) -> Json:
    if intent["status"] not in CONFIRMABLE:
        text = f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        raise unexpected_state(text, intent)
    method = method_in(call, intent)
    if method is None and intent["payment_method"] is None:
        text = "You cannot confirm this SetupIntent because it's missing a payment method."
        raise unexpected_state(text, intent)
    method = method or call.load("payment_method", intent["payment_method"])
    _check_return_url(call, intent)
    intent["payment_method"] = method["id"]
    decline = methods.card_of(method).decline
    if decline is not None and not methods.card_of(method).attaches:
        _fail(call, intent, methods.payment_error(decline, method, None))
        fields = methods.declined(decline, method)
        raise ApiError(402, decline.message, keeps_changes=True, setup_intent=intent, **fields)
    if methods.card_of(method).authentication:
        intent["status"] = "requires_action"
        intent["next_action"] = next_action(intent, call.params.get("use_stripe_sdk", False))
        emit(call, "setup_intent.requires_action", call.save(intent))
        return intent
    return _succeed(call, intent, method)


def _check_return_url(call: Call, intent: Json) -> None:
    secret(intent)["return_url"] = call.params.get("return_url")
    redirects = intent["automatic_payment_methods"]["allow_redirects"] == "always"
    only_cards = intent["allowed_payment_method_types"] == ["card"]
    if redirects and not only_cards and "return_url" not in call.params:
        raise ApiError(400, RETURN_URL_NEEDED, param="return_url", setup_intent=intent)


def _succeed(call: Call, intent: Json, method: Json) -> Json:
    intent["status"] = "succeeded"
    if intent["usage"] == "off_session":
        secret(method)["set_up"] = True
    if intent["customer"] and method["customer"] is None:
        methods.attach_to(call, method, intent["customer"])
    call.save(method)
    emit(call, "setup_intent.succeeded", call.save(intent))
    return intent


def _fail(call: Call, intent: Json, error: Json) -> Json:
    intent.update(status="requires_payment_method", payment_method=None, last_setup_error=error)
    emit(call, "setup_intent.setup_failed", call.save(intent))
    return intent


def _refuse_unsimulated(params: Json) -> None:
    for name in NOT_SIMULATED:
        if params.get(name):
            raise unsupported(name)


def _build(call: Call) -> Json:
    params = call.params
    intent_id = new_id("seti_1")
    automatic = {"allow_redirects": "always", "enabled": True}
    return {
        "id": intent_id,
        "object": "setup_intent",
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "application": None,
        "automatic_payment_methods": {**automatic, **params.get("automatic_payment_methods", {})},
        "cancellation_reason": None,
        "client_secret": f"{intent_id}_{new_id('secret_', 25)}",
        "created": call.now,
        "customer": params.get("customer"),
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merge_metadata({}, params.get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("allowed_payment_method_types") or OFFERED,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
        "_sandbox": {},
    }
