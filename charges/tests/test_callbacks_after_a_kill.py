"""Whatever was killed, what Stripe's side knows is known here after the start and a while."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest
from django.conf import settings as project
from django.db import connection

from charges import services
from charges.gateway.client import client
from charges.models import Charge, Dispute, ProcessorEvent, Refund
from charges.tests.steps import SECRET, charged, disputes_of, refunded
from conftest import BY, Api
from devstack import ports
from devstack.stack import GRANIAN
from devstack.stripe_sandbox.client import Sandbox, start

DEADLINE = 90.0


def wait_until(condition: Callable[[], object], seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


class World:
    """A sandbox with a state file that calls back at a real web process; both can be killed."""

    def __init__(self, state: str, settings: Any) -> None:
        self.state = state
        self.settings = settings
        self.port = ports.claim_any()
        self.stripe_port = ports.claim_any()
        self.web: subprocess.Popen[bytes] | None = None
        self.sandbox: Sandbox | None = None

    def start_sandbox(self) -> Sandbox:
        url = f"http://127.0.0.1:{self.port}/stripe/webhook"
        self.sandbox = start(self.stripe_port, self.state, url, SECRET)
        self.settings.STRIPE_API_BASE = self.sandbox.url
        client.cache_clear()
        return self.sandbox

    def start_web(self) -> None:
        url = urlsplit(os.environ["DATABASE_URL"])
        name = connection.settings_dict["NAME"]
        more = {"DATABASE_URL": url._replace(path=f"/{name}").geturl(), "SECURE_SSL_REDIRECT": "0"}
        self.web = subprocess.Popen(
            [sys.executable, *GRANIAN, "--port", str(self.port)],
            env=os.environ | more,
            cwd=project.BASE_DIR,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        try:
            with build_opener(ProxyHandler({})).open(
                f"http://127.0.0.1:{self.port}/health", timeout=1
            ):
                return True
        except OSError:
            return False

    def kill_web(self) -> None:
        if self.web:
            os.killpg(self.web.pid, signal.SIGKILL)
            self.web.wait()
            self.web = None

    def kill_sandbox(self) -> None:
        if self.sandbox:
            self.sandbox.stop(signal.SIGKILL)
            self.sandbox = None


@pytest.fixture
def world(committed: None, tmp_path: Any, settings: Any) -> Iterator[World]:
    running = World(str(tmp_path / "state"), settings)
    running.start_sandbox()
    yield running
    running.kill_web()
    running.kill_sandbox()
    client.cache_clear()


def is_told() -> bool:
    """Every callback has come, and is worked off."""
    services.process_events(by=BY)
    listed = client().v1.events.list(params={"limit": 100}).data
    return all(event.pending_webhooks == 0 for event in listed)


def differences(now: Any) -> list[str]:
    report = services.reconcile(since=None, is_repairing=False, by=BY, now=now)
    return [difference.kind for difference in report.differences]


def test_what_happens_at_stripe_while_web_is_killed_is_told_when_it_is_back(
    world: World, api: Api, now: Any
) -> None:
    world.start_web()
    disputed = charged(api, "20.00", payment_method="pm_card_createDispute")
    refund_of = charged(api, "30.00", payment_method="pm_card_pendingRefund")
    wait_until(is_told)
    world.kill_web()
    assert world.sandbox
    world.sandbox.close_dispute(disputes_of(disputed["id"])[0], "won")
    refunded(api, refund_of["id"])
    world.sandbox.advance_clock(60)  # the refund settles by itself

    world.start_web()
    wait_until(is_told)

    assert Dispute.objects.get().status == "won"
    assert Refund.objects.get().status == "succeeded"
    assert differences(now) == []


def test_what_everybody_was_killed_over_is_told_after_the_start(
    world: World, api: Api, now: Any
) -> None:
    made = charged(api, "20.00", payment_method="pm_card_createDispute")
    assert ProcessorEvent.objects.count() == 0
    world.kill_sandbox()

    world.start_sandbox()
    world.start_web()
    wait_until(is_told)

    assert Charge.objects.get(id=made["id"]).dispute_status == "needs_response"
    assert differences(now) == []


def test_an_answer_that_the_sandbox_did_not_live_to_hear_does_no_harm(
    world: World, api: Api, now: Any
) -> None:
    world.start_web()
    for _ in range(3):
        charged(api, "20.00", payment_method="pm_card_createDispute")
        world.kill_sandbox()
        world.start_sandbox()
    wait_until(is_told)

    assert Dispute.objects.count() == 3
    assert differences(now) == []
