"""One soak, from its first operation to the comparison at its end."""

from __future__ import annotations

import os
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import stripe
import time_machine
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from bench.soak import at_stripe, machinery, partners
from bench.soak.agreement import differences
from bench.soak.workers import TASKS
from bench.soak.world import World, two_partners
from devstack import ports
from devstack.choices import Ports
from devstack.processes import Process, unseen
from devstack.stack import Stack
from devstack.stripe_sandbox.client import SandboxControl
from devstack.throwaway import Servers
from payments_project import problems

THREADS = 6
FAULT_EVERY = 4.0
"""Seconds between two faults of the machinery, half of them at least."""
DAYS = 60
"""As long as the longest ladder: then nothing waits any more."""
DATABASE_GONE = (OperationalError, InterfaceError)
REFUSALS: tuple[type[Exception], ...] = (
    *problems.DOMAIN, stripe.StripeError, LookupError, *DATABASE_GONE,
)  # fmt: skip
OPERATIONS = [*partners.OPERATIONS, *at_stripe.OPERATIONS]


class Soak:
    """One run: what was done, what was refused, and what nobody had foreseen."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed = world, seed
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.broken: list[str] = []
        self.stopped = threading.Event()

    def run(self, seconds: float) -> None:
        people = [threading.Thread(target=self._person, args=[n]) for n in range(THREADS)]
        clocks = [threading.Thread(target=self._clock, args=[task]) for task in TASKS]
        for thread in [*people, *clocks]:
            thread.start()
        try:
            self._break_machinery(time.monotonic() + seconds)
        finally:
            self.stopped.set()
            for thread in [*people, *clocks]:
                thread.join()

    def _break_machinery(self, until: float) -> None:
        rng = random.Random(f"{self.seed}:machinery")
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, FAULT_EVERY * rng.uniform(0.5, 1.5)))
            self._try(rng.choice(machinery.FAULTS), self.world, rng)

    def _person(self, number: int) -> None:
        rng = random.Random(f"{self.seed}:{number}")
        while not self.stopped.is_set():
            self._try(rng.choice(OPERATIONS), self.world, rng)
        connection.close()

    def _clock(self, task: Callable[[], object]) -> None:
        while not self.stopped.wait(0.3):
            self._try(task)
        connection.close()

    def _try(self, operation: Callable[..., object], *arguments: object) -> None:
        name = operation.__name__
        try:
            operation(*arguments)
            self.done[name] += 1
        except REFUSALS as refusal:
            self.refused[f"{name}: {type(refusal).__name__}"] += 1
            if isinstance(refusal, DATABASE_GONE):
                connection.close()  # as the end of a request does
                self.stopped.wait(0.1)
        except Exception as error:  # noqa: BLE001 -- what nobody had foreseen is the result
            self.broken.append(f"{name}: {error!r}")

    def settle(self) -> None:
        """Stripe is well again, and time passes until nothing waits."""
        self.world.sandbox.clear_faults()
        now = timezone.now()
        for day in range(1, DAYS + 1):
            self.world.sandbox.advance_clock(86_400)
            with time_machine.travel(now + timedelta(days=day)):
                for task in TASKS:
                    self._try(task)
        connection.close()


def measure(*, seconds: float, seed: int, sandbox: SandboxControl, servers: Servers) -> bool:
    """Whether all agreed; what was done, and what did not agree, is printed."""
    print(f"soak: seed {seed}, {seconds:.0f} s", flush=True)
    with _processes() as processes:
        soak = Soak(World(sandbox, servers, processes, two_partners()), seed)
        soak.run(seconds)
    soak.settle()
    faults = [*soak.broken, *differences(timezone.now() + timedelta(days=DAYS))]
    print(f"done     {sum(soak.done.values()):>7}  {dict(soak.done.most_common())}")
    print(f"refused  {sum(soak.refused.values()):>7}  {dict(soak.refused.most_common())}")
    for fault in faults:
        print(f"FAULT    {fault}")
    print("all agree" if not faults else f"{len(faults)} faults")
    return not faults


@contextmanager
def _processes() -> Iterator[list[Process]]:
    """The workers and the beat of `make run`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        at = Ports(ports.claim_any(), ports.claim_any(), None, None, None)
        _web, *workers, beat, _listener = Stack(os.environ, at, folder, unseen).services()
        running = [*workers, beat]
        try:
            for process in running:
                process.start()
            yield running
        finally:
            for process in running:
                process.stop()
