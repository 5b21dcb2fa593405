"""`python -m bench.restarts`: kills a whole stack under load, starts it again, proves the books.

The stack is that of `make run`, in a copy of the checkout. Partners' requests are under way all the
time, each repeated with its key until it is answered, as docs/api.md asks. After each start nothing
that they asked for is done twice, held or forgotten: every key has one charge, `verify_ledger` and
`reconcile_stripe` exit 0.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from bench.restart_load import Load
from devstack.environment import read_dotenv
from devstack.leftovers import marked, stop_stack
from devstack.postgres import servers_in
from devstack.scratch import scratch_copy

READY_SECONDS = 180
SETTLED_SECONDS = 120
LOAD_SECONDS = 4.0
ALARMING = ("error", "fatal", "fail", "refused", "traceback", "missed", "warning")
OF_THE_DATA = ("Applying", "/v1/", "[verified]")
"""On lines with names of migrations, test cards and events, where any word may stand."""
# What has no outcome, of what the load asked for; the demo's own may wait for cardholders.
OPEN = """
SELECT (SELECT count(*) FROM wallets_wallet WHERE customer_id LIKE 'load-%' AND held > 0),
       (SELECT count(*) FROM charges_charge
        WHERE customer_id LIKE 'load-%' AND status NOT IN ('succeeded', 'failed', 'canceled'))
"""
TWICE = """
SELECT count(*) - count(DISTINCT idempotency_key) FROM charges_charge
WHERE customer_id LIKE 'load-%' AND installment_order_id IS NULL
"""


class Stack:
    """`make run` in `folder`, its screen in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / ".devstack"
        self.screen = folder.with_name(f"{folder.name}.screen")
        self.supervisor: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with self.screen.open("wb") as screen:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "devstack.supervisor"],
                cwd=self.folder, env=environment, stdout=screen, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def wait_until_shown(self, text: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while text not in self.shown():
            is_over = self.supervisor is None or self.supervisor.poll() is not None
            if is_over or time.monotonic() > deadline:
                raise SystemExit(f"{text!r} was not shown:\n{self.shown()[-4000:]}")
            time.sleep(0.1)

    def shown(self) -> str:
        return self.screen.read_text(errors="replace")

    def settings(self) -> dict[str, str]:
        return read_dotenv(self.state / "env")

    def manage(self, *words: str) -> None:
        """Raises SystemExit with what the command wrote when it fails."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.folder, env=os.environ | self.settings(), capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")

    def ask_database(self, sql: str) -> tuple[int, ...]:
        connection = psycopg2.connect(self.settings()["DATABASE_URL"])
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone() or ())

    @property
    def servers(self) -> list[int]:
        return servers_in(self.state / "postgres" / "data")

    def close(self) -> None:
        stop_stack(self.folder, self.state)
        if self.supervisor:
            self.supervisor.wait()
        self.screen.unlink(missing_ok=True)


# What is killed --------------------------------------------------------------------------------


def everything(stack: Stack) -> list[int]:
    return [*supervisor(stack), *marked(stack.folder), *stack.servers]


def supervisor(stack: Stack) -> list[int]:
    return [stack.supervisor.pid] if stack.supervisor else []


def postmaster(stack: Stack) -> list[int]:
    return [int((stack.state / "postgres" / "data" / "postmaster.pid").read_text().split()[0])]


def sandbox(stack: Stack) -> list[int]:
    return [pid for pid in marked(stack.folder) if b"stripe_sandbox" in _command(pid)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


KILLS: list[Callable[[Stack], list[int]]] = [everything, supervisor, postmaster, sandbox]


def kill(stack: Stack, pids: list[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it ended with its parent
    if stack.supervisor and stack.supervisor.pid in pids:
        stack.supervisor.wait()


# The proof -------------------------------------------------------------------------------------


def run(stack: Stack, kills: list[Callable[[Stack], list[int]]], seed: int) -> None:
    """Raises SystemExit with a sentence at the first thing that is not as it must be."""
    begin(stack)
    rng = random.Random(seed)
    for number, victims in enumerate(kills):
        settings = stack.settings()
        load = Load(settings, name=f"load-{number}", seed=seed + number)
        with load.under_way():
            time.sleep(LOAD_SECONDS * rng.uniform(0.5, 1))
            pids = victims(stack)
            kill(stack, pids)
            began = time.monotonic()
            if stack.supervisor and stack.supervisor.poll() is not None:
                stack.begin()
                stack.wait_until_shown("Ready in")
                prove_calm(stack)
            seconds = time.monotonic() - began
            load.follow(stack.settings())
        load.repeat_all()
        prove(stack)
        print(
            f"{number + 1:>3} {victims.__name__:<11} {len(pids):>3} killed, ready after "
            f"{seconds:>3.0f} s, {len(load.asked):>4} requests, all agree", flush=True,
        )  # fmt: skip


def begin(stack: Stack) -> None:
    """The stack's first start was killed in the middle of its demo data, the second is ready."""
    stack.begin()
    stack.wait_until_shown("payment_intents")
    prove_calm(stack)
    kill(stack, everything(stack))
    stack.begin()
    stack.wait_until_shown("Ready in")
    prove_calm(stack)


def prove_calm(stack: Stack) -> None:
    """Nothing on the screen looks like an error: nothing is wrong."""
    until_ready = stack.shown().partition("Ready in")[0].splitlines()
    lines = [line for line in until_ready if not any(word in line for word in OF_THE_DATA)]
    if alarming := [line for line in lines if any(word in line.lower() for word in ALARMING)]:
        raise SystemExit("Alarming lines on the screen:\n" + "\n".join(alarming))


def prove(stack: Stack) -> None:
    """Nothing that the load asked for is open, and all books agree."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while (left := stack.ask_database(OPEN)) != (0, 0):
        if time.monotonic() > deadline:
            raise SystemExit(f"{left[0]} wallets hold money, {left[1]} charges are open")
        stack.manage("recover_charges")
    if (twice := stack.ask_database(TWICE)) != (0,):
        raise SystemExit(f"{twice[0]} charges were made twice")
    stack.manage("verify_ledger")
    stack.manage("reconcile_stripe")


@contextmanager
def stack_in_a_copy() -> Iterator[Stack]:
    with scratch_copy() as folder:
        stack = Stack(folder)
        try:
            yield stack
        finally:
            stack.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.restarts", description=__doc__)
    parser.add_argument("--times", type=int, default=10, help="kills of everything")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with stack_in_a_copy() as stack:
        run(stack, [everything] * options.times + KILLS[1:], options.seed)


if __name__ == "__main__":
    main()
