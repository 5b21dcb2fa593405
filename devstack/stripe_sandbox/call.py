"""One request while it is executed: its parameters, and the objects as it sees them."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import Any

from devstack.stripe_sandbox.errors import Json, invalid, no_such
from devstack.stripe_sandbox.store import Store

ALPHABET = string.ascii_letters + string.digits
# What the sandbox must know about an object and Stripe never shows.
PRIVATE = "_sandbox"
AMOUNTS = ("amount", "amount_received", "amount_captured")
MISSTATEMENTS = {"wrong_amount": AMOUNTS, "wrong_amount_received": ("amount_received",)}
"""Faults, and the amounts that they make wrong."""
MISSTATED = ("payment_intent", "charge", "refund")


@dataclass
class Call:
    """`target` is the id in the path. What is saved will show the amounts
    that `misstates` names wrong.
    """

    store: Store
    now: int
    params: Json
    target: str = ""
    request_id: str | None = None
    idempotency_key: str | None = None
    webhooks: bool = False
    misstates: tuple[str, ...] = ()

    def load(self, kind: str, object_id: str, param: str | None = None) -> Json:
        """The object; ApiError 404, or 400 when `param` named it, if there is none (any more)."""
        found = self.store.find(object_id)
        if found is None or found["object"] != kind or found.get("deleted"):
            raise no_such(kind, object_id, param)
        return found

    def save(self, obj: Json) -> Json:
        if self.misstates and obj["object"] in MISSTATED:
            misstate(obj, self.misstates)
        self.store.save(obj)
        return obj


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + "".join(random.choices(ALPHABET, k=length))


def secret(obj: Json) -> Json:
    """The sandbox's private notes on an object, kept with it."""
    notes: Json = obj.setdefault(PRIVATE, {})
    return notes


def misstate(obj: Json, names: tuple[str, ...]) -> None:
    """From now on the object shows these amounts one minor unit too high."""
    secret(obj)["misstated"] = list(names)


def public(value: Any) -> Any:
    """The value as the API shows it: without private notes, with misstated amounts."""
    if isinstance(value, list):
        return [public(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {
        name: item if name == "metadata" else public(item)
        for name, item in value.items()
        if name != PRIVATE
    }
    for name in value.get(PRIVATE, {}).get("misstated", ()):
        if shown.get(name):
            shown[name] += 1
    return shown


def merge_metadata(old: dict[str, str], new: dict[str, str] | str) -> dict[str, str]:
    """An empty value removes its key, an empty `new` all. ApiError beyond Stripe's limits."""
    if isinstance(new, str):
        return {}
    merged = {name: value for name, value in {**old, **new}.items() if value != ""}
    if len(merged) > 50:
        raise invalid("Metadata can have up to 50 keys.", "metadata")
    for name, value in merged.items():
        _check_metadata(name, value)
    return merged


def _check_metadata(name: str, value: str) -> None:
    if len(name) > 40:
        raise invalid(
            "Metadata keys can have up to 40 characters, but you passed in a key that is "
            f"{len(name)} characters. Invalid key: {name}",
            f"metadata[{name}]",
        )
    if len(value) > 500:
        raise invalid(
            "Metadata values can have up to 500 characters, but you passed in a value that is "
            f"{len(value)} characters. Invalid value: {value}",
            f"metadata[{name}]",
        )
