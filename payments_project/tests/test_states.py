"""Every machine refuses every move that it does not list, by the answer of the database."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models
from django.db.models import QuerySet

from foundation import rows, states

MACHINES = [model for model in apps.get_models() if hasattr(model, "MOVES")]
PAIRS = [
    (model, source, target)
    for model in MACHINES
    for source in model.MOVES
    for target in model.MOVES
]  # fmt: skip
each_pair = pytest.mark.parametrize(
    ("model", "source", "target"), PAIRS, ids=[f"{m.__name__}-{a}-{b}" for m, a, b in PAIRS]
)


def filled(field):
    """A value for any column that must have one."""
    if isinstance(field, models.DateTimeField):
        return "2026-01-01T00:00:00Z"
    if isinstance(field, models.DateField):
        return "2026-01-01"
    if isinstance(field, models.UUIDField):
        return UUID(int=1)
    return 1 if isinstance(field, models.IntegerField) else ""


@pytest.fixture
def row(committed):
    """`row(model, state)`: a row in that state; other columns mean nothing.

    In the place of the model's table stands a temporary one, without its constraints: they would
    refuse what the machine is to refuse.
    """

    def make(model, state):
        table = model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS)")
        made = model(status=state)
        for field in model._meta.concrete_fields:
            if not field.null and not field.has_default() and field.name != "status":
                column = getattr(field, "target_field", field)  # what a foreign key holds
                setattr(made, field.attname, filled(column))
        rows.insert([made])
        return made

    yield make
    connection.close()


def stored(made):
    return type(made).objects.values_list("status", flat=True).get()


def is_listed(model, source, target):
    return target in model.MOVES[source]


def test_these_are_the_machines():
    """Whatever has a status, but disputes: their states are Stripe's, and follow it anywhere."""
    ours = [m for m in apps.get_models() if m.__module__.split(".")[0] in settings.INSTALLED_APPS]
    with_status = {m for m in ours if "status" in {f.name for f in m._meta.concrete_fields}}

    assert "Charge" in {m.__name__ for m in with_status}
    assert {m.__name__ for m in with_status - set(MACHINES)} == {"Dispute"}


@pytest.mark.parametrize("model", MACHINES)
def test_a_machine_knows_every_state_of_its_model(model):
    choices = {value for value, _ in model._meta.get_field("status").choices}

    assert set(model.MOVES) == choices
    assert {to for successors in model.MOVES.values() for to in successors} <= choices


@each_pair
def test_a_row_moves_where_its_machine_says_and_nowhere_else(row, model, source, target):
    made = row(model, source)
    made.status = target

    if is_listed(model, source, target):
        states.transition([made], ["status"])
    else:
        with pytest.raises(states.IllegalMove):
            states.transition([made], ["status"])

    assert stored(made) == (target if is_listed(model, source, target) else source)


@each_pair
def test_rows_move_where_their_machine_says_and_nowhere_else(row, model, source, target):
    made = row(model, source)

    moved = states.move(QuerySet(model), target)

    assert moved == is_listed(model, source, target)
    assert stored(made) == (target if moved else source)
