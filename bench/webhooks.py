"""Deliveries a second to seven healthy endpoints: alone, then beside three that harm."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bench.fixtures import BY
from bench.receivers import HEALTHY
from partners import services as partners
from partners.models import Partner
from webhooks import events, services
from webhooks.models import Delivery, Endpoint

EVERY = 2.0
RUNS_AT_ONCE = 4
"""As beat and a worker of `make run` do."""
CHUNK = 500


def measure(*, count: int) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with subprocess.Popen(
        [sys.executable, "-m", "bench.receivers"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as receivers:  # fmt: skip
        assert receivers.stdout
        urls = json.loads(receivers.stdout.readline())
        alone = _run("alone", urls[:HEALTHY], count)
        beside = _run("beside a hanging, a 500 and a dead one", urls, count)
        receivers.terminate()
    print(f"{'':<26} {(beside / alone - 1) * 100:+.1f} % time for the healthy")


def _run(name: str, urls: list[str], count: int) -> float:
    """Seconds until the healthy endpoints, which are the first ones, have all theirs."""
    partner = _partner(f"bench-webhooks-{len(urls)}", urls)
    _publish(partner, count)
    healthy = Endpoint.objects.filter(partner=partner, url__in=urls[:HEALTHY])
    open_ = Delivery.objects.filter(endpoint__in=list(healthy), delivered_at=None)
    started = time.perf_counter()
    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        runs: list[Future[int]] = []
        while open_.exists():
            runs = [run for run in runs if not run.done()]
            if len(runs) < RUNS_AT_ONCE:
                runs.append(pool.submit(services.deliver_due))
            time.sleep(min(EVERY, 0.1 if not runs else EVERY))
        took = time.perf_counter() - started
        Endpoint.objects.filter(partner=partner).update(is_active=False)
    sent = count * HEALTHY
    print(f"webhook deliveries         {sent / took:>7.0f}/s  {sent} in {took:.1f} s, {name}")
    return took


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
