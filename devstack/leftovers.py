"""Finds and ends what an earlier run of this checkout left behind, and stops the one that runs.

Every process of a stack carries the checkout's path in its environment, readable in /proc.
"""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.environment import CHECKOUT, STATE, state_folder
from devstack.processes import send

MARKER = "DEVSTACK_CHECKOUT"
LEFTOVER_SECONDS = 10
KILLED_SECONDS = 5
STOP_SECONDS = 90


def _stat(pid: int) -> list[str]:
    """Fields 3 and on of proc_pid_stat(5): state, parent's pid, ... The name may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def identity(pid: int) -> str | None:
    """Pid and start time: the same pid with another start time is another process."""
    try:
        fields = _stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else f"{pid} {fields[19]}"


def marked(checkout: Path = CHECKOUT) -> dict[int, int]:
    """Pid and parent's pid of every process of this checkout's stack, this one excepted."""
    mark = f"{MARKER}={checkout}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = int(_stat(int(entry.name))[1])
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # ended meanwhile, or another user's: not ours
    return found


def end_leftovers(checkout: Path = CHECKOUT) -> int:
    """No process of this checkout's stack runs any more; how many did."""
    count = len(found := marked(checkout))
    told: set[int] = set()
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while found and time.monotonic() < deadline:
        # Only the topmost: PostgreSQL's and granian's children are for their parents to stop.
        topmost = {pid for pid, parent in found.items() if parent not in found}
        for pid in topmost - told:
            send(pid, signal.SIGINT)
        told |= topmost
        time.sleep(0.05)
        found = marked(checkout)
    for pid in found:  # where SIGINT is ignored, as under `nohup … &`
        send(pid, signal.SIGKILL)
    while marked(checkout) and time.monotonic() < deadline + KILLED_SECONDS:
        time.sleep(0.05)
    return count


@contextmanager
def only_supervisor(state: Path = STATE) -> Iterator[None]:
    """While it lasts this process is the checkout's supervisor; a second one is refused."""
    with (state_folder(state) / "supervisor.pid").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = _recorded(state) or "?"
            raise SystemExit(
                f"The stack of this checkout is already running (process {running.split()[0]}); "
                "`make stop` stops it."
            ) from None
        file.truncate(0)
        file.write(identity(os.getpid()) or "")
        file.flush()
        yield


def _recorded(state: Path) -> str | None:
    path = state / "supervisor.pid"
    return path.read_text() if path.is_file() else None


def stop_stack(checkout: Path = CHECKOUT, state: Path = STATE) -> int:
    """The exit code: 0 once nothing of this checkout's stack runs."""
    recorded = _recorded(state)
    pid = int(recorded.split()[0]) if recorded else 0
    if not pid or identity(pid) != recorded:
        print("Stopped what was left." if end_leftovers(checkout) else "Nothing is running.")
        return 0
    send(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while identity(pid) == recorded:
        if time.monotonic() > deadline:
            print(f"Process {pid} is still stopping; its lines say what it waits for.")
            return 1
        time.sleep(0.1)
    print("Stopped.")
    return 0
