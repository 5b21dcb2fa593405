"""Event objects: one for every change, in the order of the changes."""

from __future__ import annotations

import stripe

from devstack.stripe_sandbox.call import Call, new_id, public
from devstack.stripe_sandbox.errors import Json, invalid
from devstack.stripe_sandbox.listing import page


def emit(call: Call, type_: str, obj: Json, previous: Json | None = None) -> None:
    """The event exists and, if somebody listens, waits in the outbox. `previous`: old values."""
    data = {"object": public(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    event = {
        "id": new_id("evt_1"),
        "object": "event",
        "api_version": stripe.api_version,
        "created": call.now,
        "data": data,
        "livemode": False,
        "pending_webhooks": int(call.webhooks),
        "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
        "type": type_,
    }
    call.store.save(event)
    if call.webhooks:
        call.store.rows("INSERT INTO outbox (event) VALUES (?)", (event["id"],))


def retrieve(call: Call) -> Json:
    return call.load("event", call.target)


def listed(call: Call) -> Json:
    """`type` may end in `*`, as in `charge.*`."""
    params = call.params
    if "delivery_success" in params:
        raise invalid("The sandbox does not filter by `delivery_success`.", "delivery_success")
    patterns = params.get("types") or [params.get("type", "*")]
    where = " OR ".join("type GLOB ?" for _ in patterns)
    return page(call, "event", f"AND ({where})", patterns)
