"""Wallet charges a second: over HTTP, and the same statements bare."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg2
from django.utils import timezone
from uuid_utils.compat import uuid7

from bench.fixtures import partner_with_wallets
from charges.models import Charge
from devstack import ports
from devstack.stack import GRANIAN
from foundation import rows
from wallets import ledger
from wallets.models import LedgerTransaction
from webhooks import events

CONNECTIONS = 16
BARE_THREADS = 8


def measure(*, seconds: float, customers: int) -> None:
    partner, key = partner_with_wallets("bench-charges", customers)
    port = ports.claim_any()
    with _web(port):
        _load(port, key, 2, customers, "warm-up")
        http = _load(port, key, seconds, customers, "measured")
    print(f"wallet charges over HTTP   {http['per_second']:>7}/s  {http}")
    print(f"the same statements, bare  {_bare(partner.id, seconds, customers):>7.0f}/s")


@contextmanager
def _web(port: int) -> Iterator[None]:
    command = [sys.executable, *GRANIAN, "--port", str(port)]
    nowhere = subprocess.DEVNULL
    web = subprocess.Popen(command, stdout=nowhere, stderr=nowhere, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while not _answers(port):
            if time.monotonic() > deadline:
                raise TimeoutError("the web server does not answer")
            time.sleep(0.1)
        yield
    finally:
        web.terminate()
        web.wait(15)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _load(port: int, key: str, seconds: float, customers: int, run: str) -> dict[str, object]:
    words = [port, key, seconds, CONNECTIONS, customers, run]
    command = [sys.executable, "-m", "bench.load", *map(str, words)]
    done = subprocess.run(command, check=True, capture_output=True)
    measured: dict[str, object] = json.loads(done.stdout)
    return measured


def _bare(partner_id: UUID, seconds: float, customers: int) -> float:
    """Threads that run the charge's statements with parameters made as plainly as possible."""
    counts = [0] * BARE_THREADS
    stop = threading.Event()

    def work(place: int) -> None:
        url = os.environ["DATABASE_URL"]
        connection = psycopg2.connect(url)
        cursor = connection.cursor()
        while not stop.is_set():
            _charge(cursor, partner_id, f"c{(counts[place] * BARE_THREADS + place) % customers}")
            connection.commit()
            counts[place] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=[place]) for place in range(BARE_THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


TEMPLATE = rows.of(Charge(amount=1, currency="USD", status="succeeded", actor="bench"))


def _charge(cursor: psycopg2.extensions.cursor, partner_id: UUID, customer: str) -> None:
    now, charge_id, transaction_id = timezone.now(), uuid7(), uuid7()
    stamps = {"created_at": now, "updated_at": now}
    key = {"partner_id": partner_id, "customer_id": customer}
    cursor.execute(ledger.LOCK, [rows.encode([key]), 1])
    (row,) = cursor.fetchall()
    wallet = dict(zip(ledger.WALLET_COLUMNS, row, strict=True))
    charge = TEMPLATE | stamps | {"id": charge_id, "partner_id": partner_id, "succeeded_at": now}
    charge |= {"customer_id": customer, "wallet_id": wallet["id"], "wallet_amount": 1}
    charge |= {"idempotency_key": str(charge_id)}
    cursor.execute(rows.source(Charge), [rows.encode([charge])])
    after = wallet["balance"] - 1
    transaction = rows.of(
        LedgerTransaction(
            id=transaction_id, partner_id=partner_id, kind="charge", currency="USD",
            charge_id=charge_id, actor="bench", created_at=now,
        )
    )  # fmt: skip
    entry = {"transaction_id": transaction_id, "account": "revenue", "amount": 1}
    paid = {
        "transaction_id": transaction_id, "account": "wallet", "amount": -1,
        "wallet_id": wallet["id"], "balance_before": wallet["balance"], "balance_after": after,
    }  # fmt: skip
    balance = {"id": wallet["id"], "balance": after, "held": 0, "receivable": 0}
    encoded = [rows.encode([balance]), 1, rows.encode([transaction]), rows.encode([paid, entry])]
    cursor.execute(ledger.POST, [now, *encoded])
    event = {"place": 0, "id": uuid7(), "partner_id": partner_id, "type": "charge.succeeded"}
    event |= {"resource_id": charge_id, "data": json.dumps(charge, default=str)}
    cursor.execute(
        events.PUBLISH, {"events": rows.encode([event]), "request_id": "", "to": None, "now": now}
    )
