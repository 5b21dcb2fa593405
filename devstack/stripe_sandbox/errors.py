"""Stripe's error answers. https://docs.stripe.com/error-codes"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

DOCS = "https://docs.stripe.com/error-codes/"


class ApiError(Exception):
    """An answer other than 2xx.

    `executed` is false for what Stripe refuses before it executes anything: such
    an answer is not kept for its idempotency key. `keeps_changes` is true when the
    objects were changed all the same, as a declined payment does.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_: str = "invalid_request_error",
        executed: bool = True,
        keeps_changes: bool = False,
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.keeps_changes = keeps_changes
        self.error: Json = {"message": message, "type": type_}
        self.error.update({name: value for name, value in fields.items() if value is not None})
        if "code" in self.error:
            self.error["doc_url"] = doc_url(self.error["code"])

    @property
    def body(self) -> Json:
        return {"error": self.error}


def doc_url(code: str) -> str:
    return DOCS + code.replace("_", "-")


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """A request refused before anything was executed."""
    return ApiError(400, message, param=param, code=code, executed=False)


def unknown_parameter(param: str) -> ApiError:
    return invalid(f"Received unknown parameter: {param}", param, "parameter_unknown")


def missing_parameter(param: str) -> ApiError:
    return invalid(f"Missing required param: {param}.", param, "parameter_missing")


def unsupported(param: str, value: str = "") -> ApiError:
    """Ours, not Stripe's: a parameter whose effect is not simulated must not seem to work."""
    what = f"{param}={value}" if value else param
    return invalid(f"The sandbox does not simulate `{what}`.", param)


def no_such(kind: str, object_id: str, param: str | None = None) -> ApiError:
    """404 when the object is the one in the path, 400 when a parameter names it."""
    name = {"payment_method": "PaymentMethod", "setup_intent": "setupintent"}.get(kind, kind)
    return ApiError(
        400 if param else 404,
        f"No such {name}: '{object_id}'",
        code="resource_missing",
        param=param or {"payment_intent": "intent"}.get(kind, "id"),
    )


def unexpected_state(message: str, intent: Json) -> ApiError:
    kind: str = intent["object"]
    fields: Json = {kind: intent, "code": f"{kind}_unexpected_state"}
    return ApiError(400, message, **fields)


def unrecognized_url(method: str, path: str) -> ApiError:
    message = f"Unrecognized request URL ({method}: {path})."
    return ApiError(404, f"{message} Please see https://docs.stripe.com.", executed=False)


def unauthorized(token: str) -> ApiError:
    if token:
        message = f"Invalid API Key provided: {token[:8]}****{token[-4:]}"
    else:
        message = (
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
            "YOUR_SECRET_KEY'). See https://docs.stripe.com/api/authentication for details."
        )
    return ApiError(401, message, executed=False)


def rate_limited() -> ApiError:
    return ApiError(
        429,
        "Request rate limit exceeded. Learn more about rate limits here "
        "https://docs.stripe.com/rate-limits.",
        code="rate_limit",
        executed=False,
    )


def balance_insufficient() -> ApiError:
    """Kept for its idempotency key: it was executed, and refused."""
    return ApiError(
        400,
        "Insufficient funds in your Stripe balance to refund this amount.",
        code="balance_insufficient",
    )


def key_in_use(key: str) -> ApiError:
    return ApiError(
        409,
        "There is currently another in-progress request using this Idempotent Key (that "
        "probably means you submitted twice, and the other request is still going through): "
        f"{key}. Please try again later.",
        type_="idempotency_error",
        code="idempotency_key_in_use",
        executed=False,
    )


def key_mismatch(key: str, first_path: str, path: str) -> ApiError:
    where = "with the same parameters they were first used with"
    if first_path != path:
        where = f"for the same endpoint they were first used for ('{path}' vs '{first_path}')"
    return ApiError(
        400,
        f"Keys for idempotent requests can only be used {where}. Try using a key other "
        f"than '{key}' if you meant to execute a different request.",
        type_="idempotency_error",
        executed=False,
    )


def internal() -> ApiError:
    return ApiError(
        500,
        "An unknown error occurred. (The sandbox was asked to fail, or has a bug.)",
        type_="api_error",
        executed=False,
    )
