"""Confirming a payment intent: declines, 3-D Secure, success."""

from __future__ import annotations

from devstack.stripe_sandbox import charges, methods
from devstack.stripe_sandbox.call import Call, secret
from devstack.stripe_sandbox.cards import AUTHENTICATION_REQUIRED, Decline
from devstack.stripe_sandbox.errors import ApiError, Json, invalid, unexpected_state
from devstack.stripe_sandbox.events import emit

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
RETURN_URL_NEEDED = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
    "Because some of these payment methods might redirect your customer off of your page, you "
    "must provide a `return_url`. If you don't want to accept redirect-based payment methods, set "
    "`automatic_payment_methods[enabled]` to `true` and "
    "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
    "Payment Intents."
)
NO_METHOD = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
    "update the PaymentIntent with a payment method and then confirm it again, or confirm it again "
    "directly with a payment method or ConfirmationToken."
)
AUTHENTICATION_FAILED = (
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or "
    "a new PaymentMethod to attempt to fulfill this PaymentIntent again."
)


def confirm(call: Call, intent: Json) -> Json:
    """The intent succeeded or waits for the cardholder; ApiError 402 when it was declined."""
    _check_confirmable(intent)
    for name in ("receipt_email", "setup_future_usage", "shipping"):
        if name in call.params:
            intent[name] = call.params[name] or None
    method = _method(call, intent)
    _check_return_url(call, intent)
    intent.update(payment_method=method["id"], next_action=None, last_payment_error=None)
    if not _needs_authentication(method):
        return _charge(call, intent, method)
    if call.params.get("off_session") or call.params.get("error_on_requires_action"):
        raise _declined(call, intent, method, AUTHENTICATION_REQUIRED)
    return _wait_for_cardholder(call, intent)


def method_in(call: Call, intent: Json) -> Json | None:
    """The payment method that the request's parameters name, checked against the customer."""
    params = call.params
    if params.get("payment_method"):
        method = methods.resolve(call, params["payment_method"], "payment_method")
    elif params.get("payment_method_data"):
        method = call.save(methods.from_data(call, params["payment_method_data"]))
    else:
        return None
    methods.check_type(method, intent)
    methods.check_usable(method, intent["customer"])
    return method


def authenticate(call: Call) -> Json:
    """The cardholder's answer to 3-D Secure: `outcome` is `succeed` or `fail`."""
    intent = call.load("payment_intent", call.target)
    outcome = call.params.get("outcome")
    if outcome not in ("succeed", "fail"):
        raise invalid("outcome must be succeed or fail", "outcome")
    if intent["status"] != "requires_action":
        raise unexpected_state(f"No authentication is awaited: {intent['status']}.", intent)
    intent["next_action"] = None
    method = call.load("payment_method", intent["payment_method"])
    if outcome == "fail":
        return _fail_authentication(call, intent, method)
    try:
        return _charge(call, intent, method)
    except ApiError as declined:
        # The cardholder's browser is told of the decline, this control request succeeded.
        failed: Json = declined.error["payment_intent"]
        return failed


def _check_confirmable(intent: Json) -> None:
    if intent["status"] == "succeeded":
        text = "You cannot confirm this PaymentIntent because it has already succeeded after being "
        raise unexpected_state(text + "previously confirmed.", intent)
    if intent["status"] not in CONFIRMABLE:
        raise unexpected_state(
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. "
            "Only a PaymentIntent with one of the following statuses may be confirmed: "
            f"{', '.join(CONFIRMABLE)}.",
            intent,
        )


def _method(call: Call, intent: Json) -> Json:
    method = method_in(call, intent)
    if method is not None:
        return method
    if intent["payment_method"] is None:
        raise unexpected_state(NO_METHOD, intent)
    stored = call.load("payment_method", intent["payment_method"])
    methods.check_usable(stored, intent["customer"])
    return stored


def _check_return_url(call: Call, intent: Json) -> None:
    notes = secret(intent)
    notes["return_url"] = call.params.get("return_url", notes.get("return_url"))
    redirects = intent["automatic_payment_methods"]["allow_redirects"] == "always"
    only_cards = intent["allowed_payment_method_types"] == ["card"]
    if redirects and not only_cards and notes["return_url"] is None:
        raise ApiError(
            400,
            RETURN_URL_NEEDED,
            code="payment_intent_invalid_parameter",
            param="return_url",
            payment_intent=intent,
        )


def _needs_authentication(method: Json) -> bool:
    wanted = methods.card_of(method).authentication
    return wanted == "always" or (wanted == "until_set_up" and not secret(method).get("set_up"))


def _wait_for_cardholder(call: Call, intent: Json) -> Json:
    intent["status"] = "requires_action"
    intent["next_action"] = next_action(intent, call.params.get("use_stripe_sdk", False))
    emit(call, "payment_intent.requires_action", call.save(intent))
    return intent


def next_action(intent: Json, use_sdk: bool) -> Json:
    """Where the cardholder authenticates: a page to go to, or what Stripe.js would show."""
    url = f"https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_sandbox&intent={intent['id']}"
    return_url = secret(intent).get("return_url")
    if return_url and not use_sdk:
        redirect = {"return_url": return_url, "url": url}
        return {"redirect_to_url": redirect, "type": "redirect_to_url"}
    sdk = {"type": "three_d_secure_redirect", "stripe_js": url}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}


def _charge(call: Call, intent: Json, method: Json) -> Json:
    decline = methods.card_of(method).decline
    if decline is not None:
        raise _declined(call, intent, method, decline)
    charge = charges.succeed(call, intent, method)
    intent["status"] = "succeeded"
    intent["amount_received"] = intent["amount"]
    intent["latest_charge"] = charge["id"]
    _keep_method(call, intent, method)
    emit(call, "payment_intent.succeeded", call.save(intent))
    return intent


def _keep_method(call: Call, intent: Json, method: Json) -> None:
    """Attached for later if that was asked for; else a method without a customer is used up."""
    if intent["setup_future_usage"] == "off_session":
        secret(method)["set_up"] = True
    if method["customer"] is not None:
        call.save(method)
    elif intent["setup_future_usage"] and intent["customer"]:
        methods.attach_to(call, method, intent["customer"])
    else:
        secret(method)["used"] = True
        call.save(method)


def _declined(call: Call, intent: Json, method: Json, decline: Decline) -> ApiError:
    """The intent is back where it needs a payment method; the answer says why, with the intent."""
    charge = charges.fail(call, intent, method, decline)
    intent["latest_charge"] = charge["id"]
    error = methods.payment_error(decline, method, charge["id"])
    _fail(call, intent, error)
    return ApiError(
        402,
        decline.message,
        keeps_changes=True,
        charge=charge["id"],
        payment_intent=intent,
        **methods.declined(decline, method),
    )


def _fail_authentication(call: Call, intent: Json, method: Json) -> Json:
    error = {
        "code": "payment_intent_authentication_failure",
        "doc_url": "https://docs.stripe.com/error-codes/payment-intent-authentication-failure",
        "message": AUTHENTICATION_FAILED,
        "payment_method": method,
        "type": "invalid_request_error",
    }
    return _fail(call, intent, error)


def _fail(call: Call, intent: Json, error: Json) -> Json:
    intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    emit(call, "payment_intent.payment_failed", call.save(intent))
    return intent
