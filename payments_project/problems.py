"""Errors on the wire (RFC 9457): the one table from a domain error to its HTTP answer.

Domain errors are facts and know no HTTP. Each is named here once; a test fails when one is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog
from django.core.exceptions import (
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from charges import reopening
from charges import services as charges
from charges.cards import PaymentMethodNotFound
from charges.deciding import UnknownRecipient
from charges.gateway.events import InvalidSignature
from charges.splits import SplitExceedsAmount
from foundation.idempotency import IdempotencyKeyReused
from installments import planning, schedule
from installments import services as installments
from wallets import services as wallets
from webhooks import services as webhooks
from webhooks.egress import UrlRefused

logger = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER = "5"


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    code: str
    title: str
    meaning: str
    """What it means and what to do, for the page of the code."""


INVALID = Problem(
    400, "validation_error", "The request is invalid",
    "Read errors[]: each names a field, a code and what was expected.",
)  # fmt: skip

INVALID_TRANSITION = Problem(
    409, "invalid_transition", "The state does not allow it",
    "Read the object: its status does not allow this.",
)  # fmt: skip

DOMAIN: dict[type[Exception], Problem] = {
    wallets.WalletExists: Problem(
        409, "wallet_exists", "The wallet exists",
        "A customer has one wallet. Read it instead of creating it.",
    ),
    wallets.WalletNotFound: Problem(
        404, "not_found", "Not found",
        "There is no such object, or it belongs to somebody else.",
    ),
    wallets.WalletInactive: Problem(
        422, "wallet_inactive", "The wallet is frozen",
        "A frozen wallet takes no debit. Set is_active to true first.",
    ),
    wallets.InsufficientFunds: Problem(
        422, "insufficient_funds", "Insufficient funds",
        "The wallet's available money (its balance less what is held) is less than asked for.",
    ),
    wallets.ReferenceExists: Problem(
        409, "reference_exists", "The reference exists",
        "A reference is unique among your ledger transactions for ever.",
    ),
    IdempotencyKeyReused: Problem(
        422, "idempotency_key_reused", "The idempotency key was used with another request",
        "A key belongs to one request for ever. Send a fresh key with a new request.",
    ),
    UrlRefused: Problem(
        400, "url_refused", "We do not send to this URL",
        "Webhooks go to public http(s) addresses, without credentials in the URL.",
    ),
    webhooks.TooManyEndpoints: Problem(
        409, "too_many_endpoints", "Too many endpoints",
        "Delete an endpoint before you add another.",
    ),
    UnknownRecipient: Problem(
        422, "unknown_recipient", "Unknown recipient",
        "Every recipient of a split needs a wallet of yours in the charge's currency.",
    ),
    SplitExceedsAmount: Problem(
        422, "split_exceeds_amount", "The split exceeds the amount",
        "The shares of a split are together at most the amount.",
    ),
    PaymentMethodNotFound: Problem(
        422, "unknown_payment_method", "Unknown payment method",
        "The payment method does not exist, or belongs to another customer.",
    ),
    charges.PaymentMethodDeclined: Problem(
        422, "payment_method_declined", "The card was declined",
        "The card's issuer refused to save it. Ask the customer for another one.",
    ),
    charges.PaymentMethodUnusable: Problem(
        422, "payment_method_unusable", "The payment method cannot be saved",
        "Only cards are saved: one that was used without being saved, or that is on another Stripe "
        "customer, cannot be.",
    ),
    charges.ProcessorUnavailable: Problem(
        503, "unavailable", "Temporarily unavailable",
        "Something we depend on is out. Nothing is lost; retry with the same Idempotency-Key.",
    ),
    InvalidSignature: Problem(
        400, "invalid_signature", "The signature is invalid",
        "Stripe's callbacks are signed with the endpoint's secret, at most five minutes ago.",
    ),
    charges.ChargeNotCancelable: INVALID_TRANSITION,
    charges.ChargeNotRefundable: INVALID_TRANSITION,
    charges.ChargeDisputed: Problem(
        409, "charge_disputed", "The charge is disputed",
        "The bank holds the card's money until the dispute ends. The wallet leg can be refunded.",
    ),
    charges.RefundExceedsCharge: Problem(
        422, "refund_exceeds_charge", "The refund exceeds the charge",
        "Refunds, pending ones included, are together at most what the charge collected, and to "
        "the card at most what came from it.",
    ),
    charges.RefundAmountUnsupported: Problem(
        422, "refund_amount_unsupported", "The card cannot get this amount",
        "Cards take BHD, JOD, KWD, OMR and TND in steps of 0.010 and MGA in steps of 1.00. With "
        "refund_to=wallet any amount goes back.",
    ),
    charges.WalletRequired: Problem(
        422, "wallet_required", "The customer has no wallet",
        "Open a wallet for the customer, or refund to the card.",
    ),
    charges.CurrencyMismatch: Problem(
        409, "currency_mismatch", "The currencies differ",
        "The customer's wallet is in another currency than the charge.",
    ),
    planning.InvalidSchedule: INVALID,
    planning.ScheduleSumMismatch: Problem(
        422, "schedule_sum_mismatch", "The schedule does not sum to the amount",
        "The amounts of the schedule must sum to the order's amount exactly.",
    ),
    planning.CardAmountUnsupported: Problem(
        422, "card_amount_unsupported", "No card can pay this amount exactly",
        "Cards take BHD, JOD, KWD, OMR and TND in steps of 0.010 and MGA in steps of 1.00: name "
        "amounts in these steps, or no payment_method. A charge that fails with this code lacked "
        "a wallet that pays what is between.",
    ),
    planning.CardCurrencyUnsupported: Problem(
        422, "card_currency_unsupported", "No card can be charged in this currency",
        "The processor takes no cards in this currency; wallets do. Name no payment_method. A "
        "charge that fails with this code was not covered by the wallet.",
    ),
    installments.InvalidTransition: INVALID_TRANSITION,
    schedule.UnknownTimeZone: Problem(
        409, "unknown_timezone", "The order's time zone is not known",
        "The zone was known when the order was made. What needs no local date of it still works.",
    ),
    installments.ChargeInProgress: Problem(
        409, "charge_in_progress", "A charge is in progress",
        "An earlier charge of this installment has no outcome yet. Wait for its webhook.",
    ),
    installments.OrderDisputed: Problem(
        409, "order_disputed", "A payment of the order is disputed",
        "Nothing of it is resumed, reinstated or reopened before the dispute ends; winning it "
        "resumes the order by itself.",
    ),
    installments.ArrearsOwed: Problem(
        409, "arrears_owed", "The order is in arrears",
        "Pay the parts that the detail names (process), or reopen those whose money was lost.",
    ),
    installments.OrderNotPastDue: Problem(
        409, "order_not_past_due", "The order is not past due",
        "Only what is defaulted or past due is written off. Cancel the order instead.",
    ),
    reopening.ChargeKept: Problem(
        409, "charge_kept", "Money of the charge is still kept",
        "A part is reopened once all of its charge went back. Refund the rest first.",
    ),
    reopening.RefundInProgress: Problem(
        409, "refund_in_progress", "A refund is in progress",
        "An earlier refund of the charge has no outcome yet. Wait for its webhook.",
    ),
    webhooks.EndpointInactive: Problem(
        409, "endpoint_inactive", "The endpoint is not active",
        "Nothing is sent to it. Make it active first (PATCH is_active).",
    ),
    installments.PreviewOutdated: Problem(
        409, "preview_outdated", "The order would differ from its preview",
        "A day, a wallet's recipients or your collection policy changed since. Preview it again.",
    ),
}  # fmt: skip

NAMES_FIELD = (
    planning.InvalidSchedule, planning.CardAmountUnsupported, planning.CardCurrencyUnsupported
)  # fmt: skip
UNAVAILABLE = DOMAIN[charges.ProcessorUnavailable]
NOT_FOUND = DOMAIN[wallets.WalletNotFound]
INTERNAL = Problem(
    500, "internal_error", "Our fault",
    "Something broke on our side and was logged. Retry with the same Idempotency-Key.",
)  # fmt: skip
# Codes that DRF's exceptions carry, and those of single fields that stand for the whole answer.
API: dict[str, Problem] = {
    problem.code: problem
    for problem in [
        INVALID,
        Problem(400, "parse_error", "The body is malformed",
                "Send one JSON object in UTF-8, without duplicate fields, at most 32 levels deep."),
        Problem(400, "amount_precision", "Too many decimals",
                "An amount has at most its currency's decimals: 2 for USD, 0 for JPY, 3 for KWD."),
        Problem(400, "card_data_not_accepted", "Card data is not accepted",
                "A field holds what looks like a card number. Only Stripe sees card numbers."),
        Problem(400, "idempotency_key_required", "Idempotency-Key is required",
                "Send an Idempotency-Key header of 1 to 255 printable ASCII characters."),
        Problem(400, "invalid_cursor", "The cursor is invalid",
                "Follow the next and previous links as they are."),
        Problem(400, "unknown_filter", "Unknown filter",
                "The list does not know this filter. The detail names those that it knows."),
        Problem(400, "unknown_parameter", "Unknown query parameter",
                "The call does not know this query parameter. What a write says goes into its "
                "body."),
        Problem(401, "unauthenticated", "Unauthenticated",
                "Send Authorization: Bearer with a live API key."),
        Problem(403, "missing_scope", "The key lacks a scope",
                "Ask for a key with the scope that the detail names."),
        NOT_FOUND,
        Problem(405, "method_not_allowed", "Method not allowed",
                "This path does not know this method."),
        Problem(408, "request_timeout", "The body did not come in time",
                "Send the whole body within 10 seconds. Nothing was done; send the request again."),
        Problem(411, "length_required", "Length required",
                "This server cannot tell where a chunked body ends. Send Content-Length."),
        Problem(413, "too_large", "Too large", "A body has at most 64 KiB."),
        Problem(415, "unsupported_media_type", "Unsupported media type",
                "Send application/json."),
        Problem(429, "rate_limited", "Too many requests",
                "Wait as many seconds as Retry-After says."),
        INTERNAL,
    ]
}  # fmt: skip
FIELD_CODES = {"amount_precision", "invalid_cursor", "unknown_filter", "unknown_parameter"}
DRF_CODES = {
    "not_authenticated": "unauthenticated",
    "authentication_failed": "unauthenticated",
    "throttled": "rate_limited",
    "permission_denied": "missing_scope",
}


def catalogue() -> dict[str, Problem]:
    """Every code there is, for the docs."""
    return dict(sorted({p.code: p for p in [*DOMAIN.values(), *API.values()]}.items()))


def answer(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: a problem for whatever a view raises."""
    request: HttpRequest = context["request"]._request
    problem, detail, errors, headers = _read(error)
    body = _body(request, problem, detail, errors)
    if problem.status >= 500:
        logger.error("request.failed", code=problem.code, exc_info=error)
    return Response(body, status=problem.status, headers=headers, content_type=CONTENT_TYPE)


def respond(request: HttpRequest, problem: Problem, detail: str = "") -> JsonResponse:
    """The problem outside of DRF."""
    body = _body(request, problem, detail or problem.meaning, [])
    return JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return respond(request, INVALID)


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    return respond(request, NOT_FOUND)


def server_error(request: HttpRequest) -> JsonResponse:
    return respond(request, INTERNAL)


def _body(
    request: HttpRequest, problem: Problem, detail: str, errors: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "type": _page(request, problem),
        "title": problem.title,
        "status": problem.status,
        "detail": detail,
        "code": problem.code,
        "request_id": getattr(request, "request_id", ""),
        "errors": errors,
    }


def _page(request: HttpRequest, problem: Problem) -> str:
    path = f"/docs/errors/{problem.code}"
    try:
        return request.build_absolute_uri(path)
    except DisallowedHost:
        return path


def _read(error: Exception) -> tuple[Problem, str, list[dict[str, str]], dict[str, str]]:
    """(problem, detail, field errors, headers) of an exception."""
    if (domain := DOMAIN.get(type(error))) is not None:
        headers = {"Retry-After": RETRY_AFTER} if domain is UNAVAILABLE else {}
        return domain, str(error), _field_error(error), headers
    if isinstance(error, OperationalError | InterfaceError):
        return UNAVAILABLE, UNAVAILABLE.meaning, [], {"Retry-After": RETRY_AFTER}
    if isinstance(error, drf.ValidationError) and not isinstance(error.detail, list):
        errors = list(_flatten(error.detail))
        code = next((e["code"] for e in errors if e["code"] in FIELD_CODES), INVALID.code)
        summary = "; ".join(f"{e['field']}: {e['detail']}" for e in errors[:3])
        return API[code], summary, errors, {}
    if isinstance(error, RequestDataTooBig):
        return API["too_large"], str(error), [], {}
    if isinstance(error, SuspiciousOperation):
        return INVALID, INVALID.meaning, [], {}
    if isinstance(error, Http404 | PermissionDenied):
        return NOT_FOUND, NOT_FOUND.meaning, [], {}
    if isinstance(error, drf.APIException):
        return _read_drf(error)
    return INTERNAL, INTERNAL.meaning, [], {}


def _field_error(error: Exception) -> list[dict[str, str]]:
    if not isinstance(error, NAMES_FIELD):
        return []
    return [{"field": error.field, "code": error.code, "detail": str(error)}]


def _read_drf(
    error: drf.APIException,
) -> tuple[Problem, str, list[dict[str, str]], dict[str, str]]:
    codes = error.get_codes()
    code = codes[0] if isinstance(codes, list) else codes
    problem = API.get(DRF_CODES.get(str(code), str(code)), INVALID)
    if problem.code == "unauthenticated":
        return problem, problem.meaning, [], {"WWW-Authenticate": "Bearer"}
    detail = error.detail[0] if isinstance(error.detail, list) else error.detail
    headers = {}
    if wait := getattr(error, "wait", None):  # Throttled
        headers["Retry-After"] = str(int(wait) + 1)
    return problem, str(detail), [], headers


def _flatten(detail: Any, path: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        items = [(_join(path, name), inner) for name, inner in detail.items()]
    elif isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        items = [(_join(path, place), inner) for place, inner in enumerate(detail) if inner]
    else:
        found = detail if isinstance(detail, list) else [detail]
        field = path.removesuffix(".non_field_errors")
        return [{"field": field, "code": e.code, "detail": str(e)} for e in found]
    return [row for name, inner in items for row in _flatten(inner, name)]


def _join(path: str, name: str | int) -> str:
    """`schedule[1].amount`: places of a list in brackets, names behind a dot."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name
