"""Who does something, carried by every door and written on what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """`name` is `kind:id` (`api_key:k3x9…`, `staff:ada`, `system:due_sweep`, `command:…`)."""

    name: str
    request_id: str = ""


def system(name: str) -> Actor:
    return Actor(f"system:{name}")


def command(name: str) -> Actor:
    return Actor(f"command:{name}")


def staff(username: str) -> Actor:
    return Actor(f"staff:{username}")
