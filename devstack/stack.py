"""The processes of the stack, in the order in which they start."""

import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.choices import Ports
from devstack.environment import CHECKOUT, private_folder
from devstack.leftovers import MARKER
from devstack.postgres import Postgres, locate
from devstack.processes import Process
from devstack.valkey import Valkey

WORKER_SECONDS = 30
GRANIAN = [
    *("-m", "granian", "payments_project.front:application", "--interface", "rsgi"),
    # Backpressure counts a worker's connections, idle ones too, not its requests.
    *("--host", "127.0.0.1", "--workers", "2", "--backlog", "2048", "--backpressure", "4096"),
    # Without a limit a worker told to stop while it starts is waited for forever.
    *("--respawn-failed-workers", "--no-ws", "--no-access-log", "--workers-kill-timeout", "5"),
    *("--http1-header-read-timeout", "10000"),
]
CELERY = ["-m", "celery", "-A", "payments_project"]
# The lanes of settings.LANES, and how many of their tasks may run at once.
WORKERS = {"sweeps": 4, "cards": 3, "callbacks": 2, "deliveries": 2}


def worker(lane: str) -> list[str]:
    return [
        *("worker", "-Q", lane, "-P", "threads", "-c", str(WORKERS[lane]), "--loglevel", "info"),
        *("--without-gossip", "--without-mingle", "-n", f"{lane}@%h"),
    ]


@dataclass
class Stack:
    """Builds this checkout's processes. `environment` is what each of them sees."""

    environment: Mapping[str, str]
    ports: Ports
    state: Path
    show: Callable[[str, str], None]

    def postgres(self, port: int) -> Postgres:
        """Its lines go to its log: it reports as errors what the API answers as a repetition."""
        return Postgres(locate(self.state), port, self.log("postgres"), environment=self._mark)

    def valkey(self, port: int) -> Valkey:
        """Its lines go to its log: it warns of kernel settings that only large servers need."""
        return Valkey(self.state / "valkey", port, self.log("valkey"), environment=self._mark)

    def stripe(self, port: int) -> Process:
        state = private_folder(self.state / "stripe") / "state.sqlite3"
        return self._python(
            "stripe",
            *("-m", "devstack.stripe_sandbox", "--port", str(port), "--state", str(state)),
            *("--webhook-url", f"http://127.0.0.1:{self.ports.web}/stripe/webhook"),
            *("--webhook-secret", self.environment["STRIPE_WEBHOOK_SECRET"].partition(",")[0]),
        )

    def migrate(self) -> Process:
        return self._python("migrate", "manage.py", "migrate", "--no-input")

    def seed(self) -> Process:
        return self._python("seed", "manage.py", "seed_demo", "--if-empty")

    def services(self) -> list[Process]:
        listener = ["webhook_listener", "--port", str(self.ports.listener)]
        workers = [self._python(lane, *CELERY, *worker(lane)) for lane in WORKERS]
        for process in workers:
            process.grace_seconds = WORKER_SECONDS  # what it has begun may end
        return [
            self._python("web", *GRANIAN, "--port", str(self.ports.web)),
            *workers,
            self._python("beat", *CELERY, "beat", "--loglevel", "info", "--pidfile="),
            self._python("listener", "manage.py", *listener),
        ]

    def log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"

    @property
    def _mark(self) -> dict[str, str]:
        return {MARKER: self.environment[MARKER]}

    def _python(self, name: str, *arguments: str) -> Process:
        return Process(
            name=name,
            command=[sys.executable, *arguments],
            environment=self.environment,
            folder=CHECKOUT,
            log=self.log(name),
            stop_signal=signal.SIGTERM,
            show=self.show,
        )
