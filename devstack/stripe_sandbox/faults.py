"""Faults that tests order: which request, what goes wrong, how often."""

from __future__ import annotations

import itertools
import re
import threading
from dataclasses import asdict, dataclass, field

from devstack.stripe_sandbox.errors import Json, invalid

# Nothing is executed.
BEFORE = (
    "drop_before",
    "hang_before",
    "error_500_before",
    "error_500_kept",  # and replayed for the request's idempotency key, as Stripe does for a day
    "balance_insufficient",  # kept as well
    "rate_limit_429",
    "conflict_409",
    "unauthorized_401",
)
# Executed, but the answer is lost, late or wrong.
AFTER = (
    "drop_after", "hang_after", "error_500_after", "garbage", "wrong_amount",
    "wrong_amount_received",
)  # fmt: skip


@dataclass
class Fault:
    """Strikes the next `times` requests that match all that is given; hangs in seconds."""

    action: str
    method: str = "POST"
    path: str = ""
    body_contains: str = ""
    times: int = 1
    hang_seconds: float = 30.0
    id: str = field(default="")
    hits: int = 0

    @property
    def executes(self) -> bool:
        return self.action in AFTER

    def strikes(self, method: str, path: str, text: str) -> bool:
        return (
            self.hits < self.times
            and self.method == method
            and re.search(self.path, path) is not None
            and re.search(self.body_contains, text) is not None
        )


class Faults:
    """The orders of the running process; they do not survive it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._numbers = itertools.count(1)

    def add(self, order: Json) -> Fault:
        """ApiError 400 for an order that cannot be understood."""
        fault = _fault(order)
        with self._lock:
            fault.id = f"fault_{next(self._numbers)}"
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str, text: str) -> Fault | None:
        """The first fault that strikes this request, counted as a hit."""
        with self._lock:
            for fault in self._faults:
                if fault.strikes(method, path, text):
                    fault.hits += 1
                    return fault
        return None

    def listed(self) -> list[Json]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()


def _fault(order: Json) -> Fault:
    if order.get("action") not in (*BEFORE, *AFTER):
        raise invalid(f"action must be one of {', '.join((*BEFORE, *AFTER))}", "action")
    order = {name: value for name, value in order.items() if value is not None}
    if "id" in order or "hits" in order:
        raise invalid("id and hits are the sandbox's", "id")
    try:
        fault = Fault(**order)
        fault.strikes(fault.method, "", "")
    except (TypeError, re.error) as wrong:
        raise invalid(f"This fault cannot be understood: {wrong}") from wrong
    return fault
