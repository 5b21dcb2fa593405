"""State machines: a model's `MOVES` says which states may follow which, and every write of a status
has that in its WHERE. The row count is the verdict.

A state that may be written again, with other fields, is among its own successors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import models

from foundation import rows

Moves = Mapping[Any, Collection[Any]]


class IllegalMove(RuntimeError):
    """A row stood where its machine does not allow the move; whoever locked it looked before."""


def move(found: models.QuerySet[Any], to: str, **stamps: Any) -> int:
    """Those of the rows whose state allows it are in state `to`; how many were is the verdict."""
    moves: Moves = found.model.MOVES
    sources = [state for state, successors in moves.items() if to in successors]
    return found.filter(status__in=sources).update(status=to, **stamps)


def transition(instances: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Each row has its instance's values in `fields`, its `status` among them.

    Raises IllegalMove when a row, as it stands in the database, must not move there; the caller's
    transaction is to be rolled back then.
    """
    if not instances:
        return
    guard = allowed(type(instances[0]), "t.status", "x.status")
    if rows.update(instances, fields, where=guard) != len(instances):
        states = sorted({f"{instance}: {instance.status}" for instance in instances})  # type: ignore[attr-defined]
        raise IllegalMove(", ".join(states))


def allowed(model: type[models.Model], current: str, wanted: str) -> str:
    """SQL: the machine allows the move from one expression to the other."""
    moves: Moves = model.MOVES  # type: ignore[attr-defined]  # of every model with a machine
    pairs = [f"('{source}', '{target}')" for source, targets in moves.items() for target in targets]
    return f"({current}, {wanted}) IN ({', '.join(pairs)})"
