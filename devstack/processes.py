"""A child process in a session of its own that never outlives this one."""

import ctypes
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.05
TAIL_LINES = 15

_libc = ctypes.CDLL(None, use_errno=True)


def nothing() -> None:
    """What most processes need done before they start."""


def unseen(_name: str, _line: str) -> None:
    """Where the lines of a process go that only its log file needs."""


def never() -> bool:
    return False


@dataclass
class Process:
    """One command. `stop_signal` also reaches it when this process dies before it could stop it.

    Start it from the main thread: the kernel ties that promise to the thread that starts it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10
    prepare: Callable[[], None] = nothing
    show: Callable[[str, str], None] = unseen
    _child: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    _reader: threading.Thread | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._child.poll() if self._child else None

    @property
    def is_running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        self.prepare()
        self._child = subprocess.Popen(
            self.command,
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=bound_to(os.getpid(), self.stop_signal),  # noqa: PLW1509 - takes no lock
            user=self.user,
            group=group_of(self.user),
            extra_groups=[] if self.user else None,
        )
        self._reader = threading.Thread(target=self._read, args=(self._child.stdout,), daemon=True)
        self._reader.start()

    def _read(self, lines: IO[bytes]) -> None:
        with lines, self.log.open("ab") as log:
            for line in lines:
                log.write(line)
                log.flush()
                self.show(self.name, line.decode(errors="replace").rstrip())

    def wait(self) -> int:
        """Its exit code, once it has ended by itself and its last line is written."""
        assert self._child, "wait() comes after start()"
        code = self._child.wait()
        self.end_group()
        return code

    def stop(self, is_hurried: Callable[[], bool] = never) -> None:
        """Nothing of it runs any more. It has `grace_seconds`, less when hurried, to end itself."""
        if self._child is None:
            return
        if self.is_running:
            self._child.send_signal(self.stop_signal)
        deadline = time.monotonic() + self.grace_seconds
        while self.is_running and time.monotonic() < deadline and not is_hurried():
            time.sleep(POLL_SECONDS)
        self.end_group()

    def end_group(self) -> None:
        """Ends what is left of it, also children that it left behind when it was killed itself."""
        assert self._child, "end_group() comes after start()"
        with suppress(ProcessLookupError):  # nothing was left
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        if self._reader:
            self._reader.join(timeout=1)

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])

    def wait_until(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Ends the program with a sentence when it dies, or is not ready in time."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            if not self.is_running or time.monotonic() > deadline:
                fate = "did not get ready" if self.is_running else f"ended ({self.exit_code})"
                raise SystemExit(f"{self.name} {fate}. Its last lines:\n{self.tail()}")
            time.sleep(POLL_SECONDS)


def bound_to(parent: int, stop_signal: signal.Signals) -> Callable[[], None]:
    """For the child to call before it becomes the command: `stop_signal` when `parent` dies.

    Changing user clears this, so it must come after; subprocess calls it last.
    """

    def bind() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:
            os._exit(1)  # it died before it was asked to tell

    return bind


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended meanwhile
        os.kill(pid, number)


def group_of(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None
