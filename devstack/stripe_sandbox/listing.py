"""Lists: newest first, cut into pages by cursors. https://docs.stripe.com/api/pagination"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from devstack.stripe_sandbox.call import Call
from devstack.stripe_sandbox.errors import Json, invalid, no_such

COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
COLUMNS = {
    "customer": "customer",
    "payment_intent": "intent",
    "charge": "json_extract(body, '$.charge')",
    "email": "json_extract(body, '$.email')",
    "type": "type",
}
PATHS = {
    "payment_intent": "/v1/payment_intents",
    "setup_intent": "/v1/setup_intents",
    "payment_method": "/v1/payment_methods",
}


def page(call: Call, kind: str, where: str = "", args: Sequence[Any] = ()) -> Json:
    """The page that limit, cursors and `created` ask for, of the rows that `where` leaves."""
    limit = _limit(call.params)
    conditions = [where, *_created(call.params.get("created"))]
    cursor, order = _cursor(call, kind)
    sql = f"{' '.join([*conditions, cursor])} ORDER BY seq {order} LIMIT {limit + 1}"
    found = call.store.select(kind, sql, args)
    rows = found[:limit]
    return {
        "object": "list",
        "data": rows if order == "DESC" else rows[::-1],
        "has_more": len(found) > limit,
        "url": PATHS.get(kind, f"/v1/{kind}s"),
    }


def filtered(call: Call, kind: str, *names: str) -> Json:
    """One page of the objects that equal the request in each of the named parameters."""
    used = [name for name in names if name in call.params]
    where = " ".join(f"AND {COLUMNS[name]} = ?" for name in used)
    return page(call, kind, where, [call.params[name] for name in used])


def _limit(params: Json) -> int:
    limit: int = params.get("limit", 10)
    if limit < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, "limit", "parameter_invalid_integer")
    if limit > 100:
        text = f"This value must be less than or equal to 100 (it currently is '{limit}')."
        raise invalid(text, "limit", "parameter_invalid_integer")
    return limit


def _created(created: Json | int | None) -> list[str]:
    if isinstance(created, dict):
        return [f"AND created {COMPARISONS[name]} {value}" for name, value in created.items()]
    return [] if created is None else [f"AND created = {created}"]


def _cursor(call: Call, kind: str) -> tuple[str, str]:
    after, before = call.params.get("starting_after"), call.params.get("ending_before")
    if after and before:
        raise invalid("You cannot use both `starting_after` and `ending_before`.")
    if after:
        return f"AND seq < {_sequence(call, kind, after, 'starting_after')}", "DESC"
    if before:
        return f"AND seq > {_sequence(call, kind, before, 'ending_before')}", "ASC"
    return "", "DESC"


def _sequence(call: Call, kind: str, object_id: str, param: str) -> int:
    sequence = call.store.sequence(kind, object_id)
    if sequence is None:
        raise no_such(kind, object_id, param)
    return sequence
