"""`make run`: starts the stack in order, restarts what dies, stops it in reverse."""

import json
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from types import FrameType
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from devstack import ports, postgres, valkey
from devstack.choices import DATABASE, Ports, child_environment, choose, choose_ports, remember
from devstack.environment import CHECKOUT, STATE, given, private_folder, write_dotenv
from devstack.leftovers import end_leftovers, only_supervisor
from devstack.processes import Process
from devstack.stack import Stack
from devstack.terminal import Terminal

FIRST_DELAY, LAST_DELAY = 1, 30
STEADY_SECONDS = 60
READY_SECONDS = 60
SANDBOX_SECONDS = 15
STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Interruption:
    """The first stop signal raises KeyboardInterrupt, where the work is; a second one hurries."""

    def __init__(self) -> None:
        self.count = 0
        for number in STOP_SIGNALS:
            signal.signal(number, self._arrived)

    def _arrived(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 1:
            raise KeyboardInterrupt

    def begin_stop(self) -> None:
        """From here on no signal raises any more."""
        self.count = max(self.count, 1)

    def is_hurried(self) -> bool:
        return self.count > 1


@dataclass
class Watched:
    """A process that starts again when it dies: after 1 s, then twice as long each time, up to
    30 s, and after 1 s again once it has run for a minute."""

    process: Process
    delay: float = FIRST_DELAY
    started_at: float = field(default_factory=time.monotonic)
    again_at: float | None = None

    def look(self, now: float, report: Callable[[str], None]) -> None:
        if self.process.is_running:
            return
        if self.again_at is None:
            self._plan(now, report)
        elif now >= self.again_at:
            self.again_at, self.started_at = None, now
            self.process.start()

    def _plan(self, now: float, report: Callable[[str], None]) -> None:
        if now - self.started_at > STEADY_SECONDS:
            self.delay = FIRST_DELAY
        name, code = self.process.name, self.process.exit_code
        report(f"{name} ended with {code}; it starts again in {self.delay:.0f} s")
        self.process.end_group()
        self.again_at = now + self.delay
        self.delay = min(self.delay * 2, LAST_DELAY)


class Supervisor:
    def __init__(self, report: Callable[[str], None], interruption: Interruption) -> None:
        self.report = report
        self.interruption = interruption
        self.watched: list[Watched] = []

    def start(self, process: Process) -> Process:
        self.watched.append(Watched(process))
        process.start()
        return process

    def run(self, process: Process) -> None:
        """`process` has done its work. Ends the program with a sentence when it fails."""
        process.start()
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.stop(self.interruption.is_hurried)
            raise
        if code != 0:
            raise SystemExit(f"{process.name} failed ({code}); its lines are above.")

    def look(self) -> None:
        for watched in self.watched:
            watched.look(time.monotonic(), self.report)

    def watch(self) -> None:
        while True:
            self.look()
            time.sleep(0.2)

    def stop(self) -> None:
        """Nothing that was started runs any more; the last started ends first."""
        self.interruption.begin_stop()
        while self.watched:
            process = self.watched.pop().process
            if process.is_running:
                self.report(f"stopping {process.name}")
            process.stop(self.interruption.is_hurried)


def start_servers(supervisor: Supervisor, stack: Stack) -> None:
    at = stack.ports
    if at.postgres:
        database = stack.postgres(at.postgres)
        process = supervisor.start(database.process())
        process.wait_until(database.is_ready, postgres.READY_SECONDS)
        database.create_database(DATABASE)
    if at.valkey:
        broker = stack.valkey(at.valkey)
        process = supervisor.start(broker.process())
        process.wait_until(lambda: broker.is_ready(process.pid), valkey.READY_SECONDS)
    if at.stripe:
        sandbox = supervisor.start(stack.stripe(at.stripe))
        sandbox.wait_until(lambda: not ports.is_free(at.stripe or 0), SANDBOX_SECONDS)


def start_services(supervisor: Supervisor, stack: Stack) -> None:
    """The API is ready, its companions are started, and all are watched from now on.

    The API answers first, because Stripe's callbacks wait for it: what they bring before a worker
    reads Stripe's list of events is not reported as missed.
    """
    supervisor.run(stack.migrate())
    supervisor.run(stack.seed())
    web, *companions = stack.services()
    supervisor.start(web)
    wait_for(supervisor, stack.ports.web, "/health")
    for process in companions:
        supervisor.start(process)
    wait_for(supervisor, stack.ports.web, "/health/ready")


def wait_for(supervisor: Supervisor, port: int, path: str) -> None:
    """`path` of the API answers 200. Ends the program with a sentence when it does not in time."""
    deadline = time.monotonic() + READY_SECONDS
    while (answer := ask(port, path)) != "ok":
        if time.monotonic() > deadline:
            raise SystemExit(f"The API is not ready after {READY_SECONDS} s ({answer}).")
        supervisor.look()
        time.sleep(0.1)


def ask(port: int, path: str) -> str:
    """`ok` once the API finds nothing wrong, at `/health/ready` the first sweep included; otherwise
    what it says. Asked without any proxy.
    """
    try:
        with build_opener(ProxyHandler({})).open(
            f"http://127.0.0.1:{port}{path}", timeout=5
        ) as response:
            said = response.read(1000).decode(errors="replace")
            return "ok" if json.loads(said)["status"] == "ok" else f"{response.status} {said}"
    except HTTPError as error:
        with error:
            return f"{error.code} {error.read(300).decode(errors='replace')}"
    except (URLError, OSError, HTTPException) as error:
        return str(error)


def banner(at: Ports, settings: Mapping[str, str], seconds: float) -> str:
    api = f"http://127.0.0.1:{at.web}"
    rows = {
        "API": f"{api}/",
        "Docs": f"{api}/docs",
        "Admin": f"{api}/admin/   admin / {settings['DEMO_STAFF_PASSWORD']}",
        "API key": settings["DEMO_API_KEY"],
        "Webhooks": settings["WEBHOOK_URLS"],
        "Logs": ".devstack/logs/",
        "Stop": "Ctrl-C here, or `make stop`",
    }
    lines = [f"  {name:<9} {value}" for name, value in rows.items()]
    return "\n".join(["", f"  Ready in {seconds:.0f} s.", "", *lines, ""])


def prepare_logs(state: Path) -> None:
    """Each run starts its log files again."""
    for old in private_folder(state / "logs").glob("*.log"):
        old.unlink()


def bring_up(supervisor: Supervisor, terminal: Terminal) -> None:
    """The whole stack answers, and `.devstack/env` tells other terminals where."""
    began = time.monotonic()
    if count := end_leftovers():
        supervisor.report(f"ended {count} processes that an earlier run left")
    prepare_logs(STATE)
    settings = given()
    at = choose_ports(settings, STATE)
    remember(STATE, at)
    chosen = choose(settings, STATE, at)
    write_dotenv(STATE / "env", chosen)
    environment = child_environment(settings, chosen, CHECKOUT)
    stack = Stack(environment, at, STATE, terminal.show)
    start_servers(supervisor, stack)
    start_services(supervisor, stack)
    terminal.print(banner(at, environment, time.monotonic() - began))


def main() -> int:
    """The exit code: 0 after a stop signal. What cannot start ends the program with a sentence."""
    terminal, interruption = Terminal(), Interruption()
    supervisor = Supervisor(lambda line: terminal.show("devstack", line), interruption)
    with suppress(KeyboardInterrupt), only_supervisor():
        try:
            bring_up(supervisor, terminal)
            supervisor.watch()
        finally:
            supervisor.stop()
            end_leftovers()
    return 0


if __name__ == "__main__":
    sys.exit(main())
