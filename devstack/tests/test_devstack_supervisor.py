import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.processes import Process
from devstack.supervisor import Interruption, Supervisor, Watched


class Calm(Interruption):
    """Takes no signal from pytest."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def supervisor(reports: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(reports.append, Calm())
    yield supervisor
    supervisor.stop()


def command(folder: Path, name: str, code: str = "import time; time.sleep(60)") -> Process:
    log = folder / f"{name}.log"
    return Process(name, [sys.executable, "-c", code], {}, folder, log)


def look_until_running(supervisor: Supervisor, process: Process) -> None:
    deadline = time.monotonic() + 10
    while not process.is_running:
        assert time.monotonic() < deadline
        supervisor.look()
        time.sleep(0.02)


def test_a_killed_process_starts_again(
    supervisor: Supervisor, reports: list[str], tmp_path: Path
) -> None:
    process = supervisor.start(command(tmp_path, "web"))
    first = process.pid
    process.end_group()

    supervisor.look()
    look_until_running(supervisor, process)

    assert process.pid != first
    assert reports == ["web ended with -9; it starts again in 1 s"]


def test_each_death_doubles_the_wait_up_to_half_a_minute(tmp_path: Path) -> None:
    watched = Watched(command(tmp_path, "web", "raise SystemExit(3)"), started_at=0)
    reports: list[str] = []
    now = 0.0
    for _ in range(7):
        watched.process.start()
        watched.process.wait()
        watched.again_at = None
        watched.look(now, reports.append)

    waits = [report.rpartition(" in ")[2] for report in reports]

    assert waits == ["1 s", "2 s", "4 s", "8 s", "16 s", "30 s", "30 s"]


def test_a_process_that_ran_for_long_starts_again_at_once(tmp_path: Path) -> None:
    watched = Watched(command(tmp_path, "web", ""), delay=30, started_at=0)
    reports: list[str] = []
    watched.process.start()
    watched.process.wait()

    watched.look(1000, reports.append)

    assert reports == ["web ended with 0; it starts again in 1 s"]


def test_the_last_started_stops_first(
    supervisor: Supervisor, reports: list[str], tmp_path: Path
) -> None:
    processes = [supervisor.start(command(tmp_path, name)) for name in ("database", "web")]

    supervisor.stop()

    assert reports == ["stopping web", "stopping database"]
    assert not any(process.is_running for process in processes)


def test_a_step_that_fails_ends_the_program(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="migrate failed"):
        supervisor.run(command(tmp_path, "migrate", "raise SystemExit(1)"))
