"""Everything the sandbox remembers, in sqlite: in memory, or in a file that survives a kill."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from devstack.stripe_sandbox.errors import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    created INTEGER NOT NULL, customer TEXT, intent TEXT, type TEXT, due INTEGER,
    body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS objects_customer ON objects (customer, kind, seq);
CREATE INDEX IF NOT EXISTS objects_intent ON objects (intent, kind, seq);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, path TEXT NOT NULL, fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL, body BLOB NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due, seq);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
"""
TABLES = ("objects", "idempotency", "outbox", "settings")


class Store:
    """Objects by id, idempotency records, the event outbox and the clock's shift."""

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or, when an exception leaves the block, nothing. One at a time."""
        with self._lock:
            self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, sql: str, args: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._db.execute(sql, args).fetchall()

    def save(self, obj: Json) -> None:
        """Stored under its id, a new one after all others; `_sandbox.due` can be searched for."""
        self.rows(
            "INSERT INTO objects (id, kind, created, customer, intent, type, due, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)"
            " DO UPDATE SET customer=excluded.customer, due=excluded.due, body=excluded.body",
            (
                obj["id"],
                obj["object"],
                obj["created"],
                obj.get("customer"),
                obj.get("payment_intent"),
                obj.get("type"),
                obj.get("_sandbox", {}).get("due"),
                json.dumps(obj),
            ),
        )

    def find(self, object_id: str) -> Json | None:
        found = self.rows("SELECT body FROM objects WHERE id = ?", (object_id,))
        return None if not found else json.loads(found[0][0])

    def select(self, kind: str, where: str = "", args: Sequence[Any] = ()) -> list[Json]:
        """`where` goes on after the kind, e.g. `AND customer = ? ORDER BY seq`."""
        sql = f"SELECT body FROM objects WHERE kind = ? {where}"
        return [json.loads(body) for (body,) in self.rows(sql, (kind, *args))]

    def sequence(self, kind: str, object_id: str) -> int | None:
        sql = "SELECT seq FROM objects WHERE kind = ? AND id = ?"
        found = self.rows(sql, (kind, object_id))
        return found[0][0] if found else None

    def setting(self, name: str) -> int:
        found = self.rows("SELECT value FROM settings WHERE name = ?", (name,))
        return found[0][0] if found else 0

    def change_setting(self, name: str, value: int) -> None:
        self.rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def reset(self) -> None:
        with self.transaction():
            for table in TABLES:
                self.rows(f"DELETE FROM {table}")

    def close(self) -> None:
        """Waits for the transaction in progress; later callers get sqlite3.ProgrammingError."""
        with self._lock:
            self._db.close()
