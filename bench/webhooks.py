"""Deliveries a second of one worker to seven healthy endpoints, alone and beside four that harm,
and how long a fresh one waits beside those that answer late or never.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from bench.fixtures import BY
from bench.receivers import HEALTHY, WAITING
from partners import services as partners
from partners.models import Partner
from webhooks import events, services
from webhooks.models import Delivery, Endpoint, EndpointQuerySet

CHUNK = 500
FRESH = 30
EVERY = 0.2


def measure(*, count: int) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with subprocess.Popen(
        [sys.executable, "-m", "bench.receivers"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as receivers:  # fmt: skip
        assert receivers.stdout
        urls = json.loads(receivers.stdout.readline())
        alone = _run("alone", urls[:HEALTHY], count)
        beside = _run("beside a hanging, an 8 s, a 500 and a dead one", urls, count)
        print(f"{'':<26} {(beside / alone - 1) * 100:+.1f} % time for the healthy")
        _measure_fresh(urls)
        receivers.terminate()


def _run(name: str, urls: list[str], count: int) -> float:
    """Seconds until the healthy endpoints, which are the first ones, have all theirs."""
    partner = _partner(f"bench-webhooks-{len(urls)}", urls)
    _publish(partner, count)
    healthy = Endpoint.objects.filter(partner=partner, url__in=urls[:HEALTHY])
    started = time.perf_counter()
    with _worker(partner) as worker:
        _wait_for(healthy, worker)
        took = time.perf_counter() - started
    sent = count * HEALTHY
    print(f"webhook deliveries         {sent / took:>7.0f}/s  {sent} in {took:.1f} s, {name}")
    return took


def _measure_fresh(urls: list[str]) -> None:
    waiting = _partner("bench-webhooks-waiting", urls[WAITING])
    partner = _partner("bench-webhooks-fresh", urls[:1])
    _publish(waiting, FRESH)
    with _worker(waiting) as worker:
        for _ in range(FRESH):
            time.sleep(EVERY)
            _publish(partner, 1)
        _wait_for(Endpoint.objects.filter(partner=partner), worker)
    times = Delivery.objects.filter(partner=partner).values_list("created_at", "delivered_at")
    waits = sorted((sent - made).total_seconds() * 1000 for made, sent in times if sent)
    median, longest = waits[len(waits) // 2], waits[-1]
    print(
        f"fresh webhook sent after   {median:>7.0f} ms  at most {longest:.0f} ms, "
        "beside a hanging and an 8 s one"
    )


@contextmanager
def _worker(partner: Partner) -> Iterator[Future[None]]:
    """Runs one after the other, until the block ends and with it what is owed to the partner."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            services.deliver_due()
            time.sleep(0.01)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        try:
            yield worker
        finally:
            is_over.set()
            Endpoint.objects.filter(partner=partner).update(is_active=False)
        worker.result()


def _wait_for(endpoints: EndpointQuerySet, worker: Future[None]) -> None:
    """Until all is delivered."""
    owed = Delivery.objects.filter(endpoint__in=list(endpoints), delivered_at=None)
    while owed.exists() and not worker.done():
        time.sleep(0.05)


def _partner(name: str, urls: list[str]) -> Partner:
    now = timezone.now()
    partner = partners.create_partner(name=name, now=now)
    for url in urls:
        services.create_endpoint(
            partner_id=partner.id, url=url, event_types=[], description="", now=now
        )
    return partner


def _publish(partner: Partner, count: int) -> None:
    for start in range(0, count, CHUNK):
        facts = [
            events.Fact(
                partner_id=partner.id, type="wallet.credited", resource_id=uuid4(),
                data={"number": number},
            )
            for number in range(start, min(start + CHUNK, count))
        ]  # fmt: skip
        with transaction.atomic(durable=True):
            events.publish(facts, by=BY, now=timezone.now())
