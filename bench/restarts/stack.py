"""`make run` in a copy of the checkout, seen from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

from devstack.environment import read_dotenv
from devstack.leftovers import marked, stop_stack
from devstack.postgres import servers_in
from devstack.scratch import scratch_copy

READY_SECONDS = 180


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
            has_ended = self.supervisor is None or self.supervisor.poll() is not None
            if has_ended or time.monotonic() > deadline:
                raise SystemExit(f"{text!r} was not shown:\n{self.shown()[-4000:]}")
            time.sleep(0.1)

    def shown(self) -> str:
        return self.screen.read_text(errors="replace")

    def log(self, process: str) -> str:
        return (self.state / "logs" / f"{process}.log").read_text(errors="replace")

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
        with closing(connection), connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone() or ())

    def ask_patiently(self, sql: str) -> tuple[int, ...]:
        """While the database comes back, too."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return self.ask_database(sql)
            except psycopg2.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    @property
    def data(self) -> Path:
        return self.state / "postgres" / "data"

    @property
    def servers(self) -> list[int]:
        return servers_in(self.data)

    @property
    def postmaster(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def supervisors(self) -> list[int]:
        return [self.supervisor.pid] if self.supervisor else []

    def named(self, word: bytes) -> list[int]:
        """The processes, their children apart, in whose command the word stands."""
        running = marked(self.folder)
        topmost = [pid for pid, parent in running.items() if parent not in running]
        return [pid for pid in topmost if word in _command(pid)]

    def is_over(self) -> bool:
        """Whether its supervisor has ended; a killed one is about to."""
        if self.supervisor is None:
            return True
        try:
            self.supervisor.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        stop_stack(self.folder, self.state)
        if self.supervisor:
            self.supervisor.wait()
        self.screen.unlink(missing_ok=True)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


@contextmanager
def stack_in_a_copy() -> Iterator[Stack]:
    with scratch_copy() as folder:
        stack = Stack(folder)
        try:
            yield stack
        finally:
            stack.close()
