"""Rows that no code could have written, to show that the proof finds them."""

from __future__ import annotations

import json
from contextlib import contextmanager
from io import StringIO

from django.core.management import call_command
from django.db import connection, transaction


@contextmanager
def corrupted(table, change):
    """The table as the SQL `change` leaves it, triggers asleep; as it was at the end."""
    _run(f"CREATE TEMP TABLE kept AS SELECT * FROM {table}", change)
    try:
        yield
    finally:
        _run(f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM kept", "DROP TABLE kept")


def _run(*statements):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)


def verify_ledger(*arguments):
    """(exit code, output)."""
    out = StringIO()
    try:
        call_command("verify_ledger", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


def found_broken(*arguments):
    """The invariants that do not hold, with their rows."""
    _, printed = verify_ledger("--json", *arguments)
    return {finding["invariant"]: finding["rows"] for finding in json.loads(printed)["broken"]}
