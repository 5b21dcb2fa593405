"""Stripe's paths, each with the SDK's parameter type and what answers it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from devstack.stripe_sandbox import (
    charges,
    customers,
    disputes,
    events,
    intents,
    methods,
    refunds,
    setups,
)
from devstack.stripe_sandbox.call import Call
from devstack.stripe_sandbox.errors import Json, unrecognized_url

Operation = Callable[[Call], Json]


@dataclass(frozen=True)
class Route:
    """`resource` and `name` make the SDK's type: PaymentIntent and Create its CreateParams."""

    method: str
    pattern: re.Pattern[str]
    resource: str
    name: str
    operation: Operation


def _route(line: str, operation: Operation) -> Route:
    method, path, resource, name = line.split()
    pattern = re.compile(path.replace("{id}", r"(?P<id>[^/]+)"))
    return Route(method, pattern, resource, name, operation)


ROUTES = [
    _route("POST /v1/payment_intents PaymentIntent Create", intents.create),
    _route("GET /v1/payment_intents PaymentIntent List", intents.listed),
    _route("GET /v1/payment_intents/{id} PaymentIntent Retrieve", intents.retrieve),
    _route("POST /v1/payment_intents/{id} PaymentIntent Update", intents.update),
    _route("POST /v1/payment_intents/{id}/confirm PaymentIntent Confirm", intents.confirm),
    _route("POST /v1/payment_intents/{id}/cancel PaymentIntent Cancel", intents.cancel),
    _route("GET /v1/charges Charge List", charges.listed),
    _route("GET /v1/charges/{id} Charge Retrieve", charges.retrieve),
    _route("POST /v1/charges/{id} Charge Update", charges.update),
    _route("POST /v1/customers Customer Create", customers.create),
    _route("GET /v1/customers Customer List", customers.listed),
    _route("GET /v1/customers/{id} Customer Retrieve", customers.retrieve),
    _route("POST /v1/customers/{id} Customer Update", customers.update),
    _route("DELETE /v1/customers/{id} Customer Delete", customers.delete),
    _route(
        "GET /v1/customers/{id}/payment_methods CustomerPaymentMethod List",
        methods.listed_of_customer,
    ),
    _route("POST /v1/payment_methods PaymentMethod Create", methods.create),
    _route("GET /v1/payment_methods PaymentMethod List", methods.listed),
    _route("GET /v1/payment_methods/{id} PaymentMethod Retrieve", methods.retrieve),
    _route("POST /v1/payment_methods/{id} PaymentMethod Update", methods.update),
    _route("POST /v1/payment_methods/{id}/attach PaymentMethod Attach", methods.attach),
    _route("POST /v1/payment_methods/{id}/detach PaymentMethod Detach", methods.detach),
    _route("POST /v1/refunds Refund Create", refunds.create),
    _route("GET /v1/refunds Refund List", refunds.listed),
    _route("GET /v1/refunds/{id} Refund Retrieve", refunds.retrieve),
    _route("POST /v1/refunds/{id} Refund Update", refunds.update),
    _route("POST /v1/refunds/{id}/cancel Refund Cancel", refunds.cancel),
    _route("POST /v1/setup_intents SetupIntent Create", setups.create),
    _route("GET /v1/setup_intents SetupIntent List", setups.listed),
    _route("GET /v1/setup_intents/{id} SetupIntent Retrieve", setups.retrieve),
    _route("POST /v1/setup_intents/{id} SetupIntent Update", setups.update),
    _route("POST /v1/setup_intents/{id}/confirm SetupIntent Confirm", setups.confirm),
    _route("POST /v1/setup_intents/{id}/cancel SetupIntent Cancel", setups.cancel),
    _route("GET /v1/disputes Dispute List", disputes.listed),
    _route("GET /v1/disputes/{id} Dispute Retrieve", disputes.retrieve),
    _route("POST /v1/disputes/{id} Dispute Update", disputes.update),
    _route("POST /v1/disputes/{id}/close Dispute Close", disputes.close),
    _route("GET /v1/events Event List", events.listed),
    _route("GET /v1/events/{id} Event Retrieve", events.retrieve),
]


def find(method: str, path: str) -> tuple[Route, str]:
    """The route and the id in the path, "" if it has none; ApiError 404 for another path."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path) if route.method == method else None
        if match:
            return route, match.groupdict().get("id", "")
    raise unrecognized_url(method, path)
