"""Set-based writes: many rows of one table in one statement, as one JSON parameter.

The ORM's bulk methods spend more time in Python per row than PostgreSQL spends writing it;
here a batch is one `json.dumps` and the column types come from the table itself
(docs/decisions/0005-set-based-writes.md). Where rows are joined to a table, `LIMIT` tells the
planner how many there are: of a JSON function it expects 100, and would scan the table for one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from django.db import connection, models


def encode(rows: Iterable[object]) -> str:
    """The JSON text for `json_populate_recordset`; UUIDs and times travel as their text."""
    return json.dumps(list(rows), default=str)


@cache
def columns(model: type[models.Model]) -> tuple[str, ...]:
    """Column names of a model, without a database-made key."""
    fields = model._meta.concrete_fields
    return tuple(f.attname for f in fields if not isinstance(f, models.AutoField))


def of(instance: models.Model) -> dict[str, Any]:
    """One instance as a row."""
    return {column: getattr(instance, column) for column in columns(type(instance))}


@cache
def source(model: type[models.Model], fields: tuple[str, ...] = ()) -> str:
    """SQL that inserts the rows of one JSON parameter into a model's table."""
    table = model._meta.db_table
    names = ", ".join(fields or columns(model))
    return (
        f"INSERT INTO {table} ({names}) "
        f"SELECT {names} FROM json_populate_recordset(NULL::{table}, %s)"
    )


def insert(instances: Sequence[models.Model], *, suffix: str = "") -> None:
    """All instances are rows of their table; raises IntegrityError as any INSERT."""
    if not instances:
        return
    with connection.cursor() as cursor:
        sql = f"{source(type(instances[0]))} {suffix}"
        cursor.execute(sql, [encode(of(instance) for instance in instances)])


def update(instances: Sequence[models.Model], fields: Sequence[str], *, where: str = "TRUE") -> int:
    """Each row has its instance's values in `fields`; returns how many rows did.

    `where` guards it, with `t` as the row as it stands in the database and `x` as the new one.
    """
    if not instances:
        return 0
    table = type(instances[0])._meta.db_table
    assignments = ", ".join(f"{name} = x.{name}" for name in fields)
    rows = ({name: getattr(i, name) for name in ["id", *fields]} for i in instances)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} t SET {assignments} "
            f"FROM (SELECT * FROM json_populate_recordset(NULL::{table}, %s) LIMIT %s) x "
            f"WHERE t.id = x.id AND ({where})",
            [encode(rows), len(instances)],
        )
        return int(cursor.rowcount)
