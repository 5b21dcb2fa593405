"""Wallets are locked in the order of their primary keys, whatever order they are asked for in."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg2
from django.db import connection, transaction

from wallets import ledger
from wallets.models import Wallet
from wallets.tests.steps import open_wallet

CUSTOMERS = ["ada", "bob", "cid", "dee"]
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"


def session():
    given = connection.get_connection_params() | {"cursor_factory": None}
    return closing(psycopg2.connect(**{k: v for k, v in given.items() if k != "context"}))


def lock_all(partner_id):
    with transaction.atomic():
        ledger.lock([(partner_id, name) for name in reversed(CUSTOMERS)])
    connection.close()


def wait_for_whoever_waits(looker, holder):
    deadline = time.monotonic() + 20
    count = 0
    while not count:
        assert time.monotonic() < deadline, "nobody ever waited"
        looker.execute(WAITS, [holder.info.backend_pid])
        (count,) = looker.fetchone()


def test_who_waits_for_the_first_wallet_holds_none_of_the_others(api, partner):
    for name in CUSTOMERS:
        open_wallet(api, name)
    first, *others = map(str, Wallet.objects.order_by("id").values_list("id", flat=True))
    other = threading.Thread(target=lock_all, args=[partner.id])
    with session() as holder, session() as looking:
        looking.autocommit = True  # within a transaction, who waits is looked up once
        looker = looking.cursor()
        holder.cursor().execute("SELECT 1 FROM wallets_wallet WHERE id = %s FOR UPDATE", [first])
        other.start()
        wait_for_whoever_waits(looker, holder)

        looker.execute(
            "SELECT 1 FROM wallets_wallet WHERE id <> %s FOR UPDATE SKIP LOCKED", [first]
        )
        free = looker.fetchall()
    other.join(20)

    assert len(free) == len(others)
