"""Event objects: one for every change, in the order of the changes."""

from __future__ import annotations

import stripe

from devstack.stripe_sandbox.call import Call, new_id, public
from devstack.stripe_sandbox.errors import Json, invalid, no_such
from devstack.stripe_sandbox.listing import page

# Seconds for which Stripe lists events. https://docs.stripe.com/api/events/list
RETENTION = 30 * 86400
TYPES_LIMIT = 20
CURSORS = ("starting_after", "ending_before")


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
    event = call.load("event", call.target)
    if event["created"] < call.now - RETENTION:
        raise no_such("event", call.target)
    return event


def listed(call: Call) -> Json:
    """`type` may end in `*`, as in `charge.*`. Nothing that is older than 30 days is listed, nor a
    place for a cursor.
    """
    oldest = call.now - RETENTION
    for cursor in CURSORS:
        if cursor in call.params and call.load("event", call.params[cursor])["created"] < oldest:
            raise no_such("event", call.params[cursor], cursor)
    where, args = _of_types(call.params)
    success = call.params.get("delivery_success")
    if success is not None:
        where += f" AND json_extract(body, '$.pending_webhooks') {'=' if success else '>'} 0"
    return page(call, "event", f"{where} AND created >= ?", [*args, oldest])


def _of_types(given: Json) -> tuple[str, list[str]]:
    if "types" not in given:
        return "AND type GLOB ?", [given.get("type", "*")]
    if "type" in given:
        raise invalid("You may only specify one of these parameters: type, types.")
    types: list[str] = given["types"]
    if len(types) > TYPES_LIMIT:
        raise invalid(f"You may list up to {TYPES_LIMIT} types.", "types")
    return f"AND type IN ({', '.join('?' for _ in types)})", types
