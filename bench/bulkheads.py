"""Nothing slow stops anything else: what money, webhooks and sweeps wait for, alone and beside
what harms.

The processes of `make run` work on this run's servers: web, a pool of workers for each lane, beat.
Once a second a partner charges a wallet; the event goes to an endpoint that answers at once.
"""

from __future__ import annotations

import asyncio
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from bench.due import agree
from bench.fixtures import partner_with_wallets
from bench.receivers import LATE, serve
from charges.models import Charge
from devstack import ports
from devstack.choices import Ports
from devstack.processes import Process, unseen
from devstack.stack import Stack
from devstack.stripe_sandbox.client import Sandbox
from installments.models import Installment, Sweep
from partners import services as partners
from partners.models import Partner
from webhooks import services as webhooks
from webhooks.models import Delivery, Endpoint

CUSTOMERS = 50
SWEEP_EVERY = 5
OWED = 400
"""Deliveries that the slow endpoint is owed, and charges that wait for a card, at the start."""
HANG_SECONDS = 14
CALLERS = 10
"""Partners' connections that charge a card in the request, again and again."""
IDLE = 1000
DUE_PARTS = int(os.environ.get("DUE_PARTS", "20000"))
HALF_A_REQUEST = (
    b"POST /stripe/webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: 500\r\n\r\n{"
)


@dataclass
class Seen:
    """What was seen of one scenario, in seconds."""

    charges: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    sweep_ages: list[float] = field(default_factory=list)
    webhooks: list[float] = field(default_factory=list)

    def row(self, name: str) -> str:
        def cell(values: list[float]) -> str:
            return f"{statistics.median(values) * 1000:>7.0f} {max(values) * 1000:>7.0f}"

        columns = [self.charges, self.health, self.webhooks]
        return f"{name:<34}{''.join(cell(c) for c in columns)}   {max(self.sweep_ages):>6.1f}"


class Product:
    """The running product, and one partner that uses it."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.partner, key = partner_with_wallets("bench-bulkheads", CUSTOMERS)
        at = Ports(ports.claim_any(), ports.claim_any(), None, None, None)
        self.port = at.web
        self.url = f"http://127.0.0.1:{at.web}"
        self.headers = {"Authorization": f"Bearer {key}", "Prefer": ""}
        stack = Stack(os.environ | {"WEBHOOK_ALLOW_LOOPBACK": "1"}, at, folder, unseen)
        (folder / "logs").mkdir()
        self.processes = stack.services()[:-1]  # nobody listens but who is made here

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            for process in self.processes:
                process.start()
            self._wait_until_ready()
            yield
        finally:
            _stop(self.processes)

    def charge(self, session: requests.Session, **fields: Any) -> requests.Response:
        body = {"customer_id": f"c{time.monotonic_ns() % CUSTOMERS}", "amount": "0.01"} | fields
        headers = self.headers | {"Idempotency-Key": uuid4().hex}
        if fields.get("is_async"):
            headers["Prefer"] = "respond-async"
        body.pop("is_async", None)
        return session.post(f"{self.url}/charges", json=body, headers=headers, timeout=120)

    def observe(self, seconds: float, endpoint_id: Any) -> Seen:
        """A charge, a look at `/health` and at the last sweep each second."""
        seen, since = Seen(), timezone.now()
        session = requests.Session()
        deadline = time.monotonic() + seconds
        while (began := time.monotonic()) < deadline:
            assert self.charge(session).status_code == 201
            seen.charges.append(time.monotonic() - began)
            asked = time.monotonic()
            assert session.get(f"{self.url}/health", timeout=120).status_code == 200
            seen.health.append(time.monotonic() - asked)
            swept = Sweep.objects.get(name="installments").alive_at
            seen.sweep_ages.append((timezone.now() - (swept or since)).total_seconds())
            time.sleep(max(0.0, 1 - (time.monotonic() - began)))
        fresh = Delivery.objects.filter(endpoint=endpoint_id, created_at__gte=since)
        now = timezone.now()
        seen.webhooks = [
            ((delivered_at or now) - created_at).total_seconds()
            for created_at, delivered_at in fresh.values_list("created_at", "delivered_at")
        ]
        return seen

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError("the product does not get ready")
            time.sleep(0.2)
        every, _ = IntervalSchedule.objects.get_or_create(every=SWEEP_EVERY, period="seconds")
        row = PeriodicTask.objects.get(name="installments.sweep")
        row.interval = every
        row.save()
        time.sleep(2 * SWEEP_EVERY)

    def _is_ready(self) -> bool:
        try:
            requests.get(f"{self.url}/health/ready", timeout=5).raise_for_status()
        except requests.RequestException:
            return False
        return Sweep.objects.filter(name="installments").exists()


def _stop(processes: list[Process]) -> None:
    for process in processes:
        process.grace_seconds = 2
        process.stop()


def measure(*, seconds: float, sandbox: Sandbox) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with tempfile.TemporaryDirectory() as folder, _receivers() as (fast, slow):
        product = Product(sandbox, Path(folder))
        endpoint = _subscribe(product.partner, fast)
        with product.running():
            print(f"{'':<34}{'charge ms':>15}{'/health ms':>15}{'webhook ms':>15}   sweep s")
            print(f"{'':<34}{'   p50     max' * 3}       max")
            for name, harms in SCENARIOS.items():
                with ExitStack() as stack:
                    for harm in harms:
                        stack.enter_context(harm(product, slow))
                    time.sleep(2)
                    seen = product.observe(seconds, endpoint)
                print(seen.row(name), flush=True)
    connection.close()


def _subscribe(partner: Partner, url: str) -> Any:
    made = webhooks.create_endpoint(
        partner_id=partner.id,
        url=url,
        event_types=["charge.succeeded"],
        description="",
        now=timezone.now(),
    )
    return made.id


# What harms --------------------------------------------------------------------------------------

Harm = Callable[[Product, str], Any]


@contextmanager
def _stripe_hangs(product: Product, _slow: str) -> Iterator[None]:
    """Every call takes HANG_SECONDS; some wait for workers, some in their requests."""
    product.sandbox.fault(
        "hang_before", path="/v1/payment_intents", times=10**6, hang_seconds=HANG_SECONDS
    )
    card = {"payment_method": "pm_card_visa", "use_wallet": False, "amount": "1.00"}
    session = requests.Session()
    for _ in range(OWED):
        product.charge(session, is_async=True, **card)
    is_over = threading.Event()

    def call() -> None:
        own = requests.Session()
        while not is_over.is_set():
            product.charge(own, **card)
            is_over.wait(0.5)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        product.sandbox.clear_faults()
        is_over.set()
        for caller in callers:
            caller.join()


@contextmanager
def _an_endpoint_is_slow(product: Product, slow: str) -> Iterator[None]:
    """It answers 200, each time after LATE seconds, and is owed more than it can take."""
    endpoint_id = _subscribe(product.partner, f"{slow}?{uuid4().hex}")
    session = requests.Session()
    for _ in range(OWED):
        product.charge(session)
    try:
        yield
    finally:
        endpoint = Endpoint.objects.get(id=endpoint_id)
        webhooks.delete_endpoint(endpoint=endpoint, now=timezone.now())


@contextmanager
def _cards_are_due(product: Product, _slow: str) -> Iterator[None]:
    """As many parts as DUE_PARTS says fall due at once, all by card, of another partner."""
    partner = partners.create_partner(name="bench-book", now=timezone.now())
    agree(partner, DUE_PARTS, DUE_PARTS, payment_method="pm_card_visa")
    now = timezone.now()
    waiting = Installment.objects.filter(partner=partner, next_attempt_at__isnull=False)
    waiting.update(next_attempt_at=now)
    yield
    paid = Charge.objects.filter(partner=partner, status="succeeded").count()
    print(f"{'':<34}  {paid} of {DUE_PARTS} parts were paid by card meanwhile")


@contextmanager
def _connections_are_idle(product: Product, _slow: str) -> Iterator[None]:
    """Half of them say nothing; the others begin a body and do not go on."""
    with ExitStack() as stack:
        for number in range(IDLE):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", product.port)))
            if number % 2:
                idle.sendall(HALF_A_REQUEST)
        yield


SCENARIOS: dict[str, list[Harm]] = {
    "alone": [],
    f"{IDLE} idle connections": [_connections_are_idle],
    f"Stripe takes {HANG_SECONDS} s": [_stripe_hangs],
    f"an endpoint takes {LATE:.0f} s": [_an_endpoint_is_slow],
    "both": [_stripe_hangs, _an_endpoint_is_slow],
    f"{DUE_PARTS} parts due by card": [_cards_are_due],
}


@contextmanager
def _receivers() -> Iterator[tuple[str, str]]:
    """The URLs of one that answers at once and of one that takes its time."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers = [
        asyncio.run_coroutine_threadsafe(serve("204 No Content", seconds), loop).result()
        for seconds in (0, LATE)
    ]
    fast, slow = (f"http://127.0.0.1:{s.sockets[0].getsockname()[1]}/hook" for s in servers)
    try:
        yield fast, slow
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
