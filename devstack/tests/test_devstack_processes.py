import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstack.leftovers import MARKER, end_leftovers, identity, marked, only_supervisor, stop_stack
from devstack.processes import Process

Make = Callable[..., Process]
SLEEP = "import time; print('up', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); {SLEEP}"


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    return identity(pid) is not None


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Process] = []

    def process(code: str, **options: object) -> Process:
        log = tmp_path / f"{len(made)}.log"
        values = {"environment": {MARKER: str(tmp_path)}, "grace_seconds": 5, **options}
        made.append(Process("it", [sys.executable, "-c", code], folder=tmp_path, log=log, **values))  # type: ignore[arg-type]
        made[-1].start()
        return made[-1]

    yield process
    for each in made:
        each.grace_seconds = 0
        each.stop()


def is_up(process: Process) -> bool:
    return "up" in process.tail()


def test_a_stopped_process_ends_by_its_stop_signal(make: Make) -> None:
    process = make(SLEEP)
    wait_for(lambda: is_up(process))

    process.stop()

    assert process.exit_code == -signal.SIGTERM


def test_a_process_deaf_to_its_stop_signal_is_killed_after_its_grace(make: Make) -> None:
    process = make(DEAF, grace_seconds=0.2)
    wait_for(lambda: is_up(process))

    process.stop()

    assert process.exit_code == -signal.SIGKILL


def test_hurry_ends_the_grace(make: Make) -> None:
    process = make(DEAF, grace_seconds=60)
    wait_for(lambda: is_up(process))
    began = time.monotonic()

    process.stop(is_hurried=lambda: True)

    assert time.monotonic() - began < 5


def test_stop_ends_the_children_too(make: Make, tmp_path: Path) -> None:
    process = make(PARENT)
    wait_for(lambda: process.tail().count("up") == 2)

    process.stop()

    wait_for(lambda: not marked(tmp_path))


def test_each_line_is_logged_and_shown_under_its_name(make: Make) -> None:
    shown: list[tuple[str, str]] = []

    process = make("print('one'); print('two')", show=lambda *line: shown.append(line))

    assert process.wait() == 0
    assert shown == [("it", "one"), ("it", "two")]
    assert process.tail() == "one\ntwo"


def test_a_process_that_ends_before_it_is_ready_ends_the_program_with_its_last_lines(
    make: Make,
) -> None:
    process = make("raise SystemExit('no disk')")

    with pytest.raises(SystemExit, match="no disk"):
        process.wait_until(lambda: False, seconds=5)


def test_a_process_ends_with_the_one_that_started_it(tmp_path: Path) -> None:
    # It writes nothing: it ends by the kernel's signal, not because nobody reads it any more.
    starter = """
import os, signal, sys
from pathlib import Path
from devstack.processes import Process
child = Process("it", ["/usr/bin/sleep", "60"], {}, Path("."), Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    result = subprocess.run(
        [sys.executable, "-c", starter, str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=False,
    )

    pid = int(result.stdout)

    wait_for(lambda: not is_alive(pid))


def test_leftovers_are_found_by_their_checkout_and_ended(make: Make, tmp_path: Path) -> None:
    process = make(PARENT)
    wait_for(lambda: process.tail().count("up") == 2)

    assert process.pid in marked(tmp_path)
    assert end_leftovers(tmp_path) == 2
    assert not marked(tmp_path)


def test_leftovers_of_another_checkout_are_left_alone(make: Make, tmp_path: Path) -> None:
    process = make(SLEEP)

    assert end_leftovers(tmp_path / "elsewhere") == 0
    assert process.is_running


def test_a_second_supervisor_of_the_same_checkout_is_refused(tmp_path: Path) -> None:
    second = only_supervisor(tmp_path)

    with only_supervisor(tmp_path), pytest.raises(SystemExit, match=str(os.getpid())):
        second.__enter__()


def test_stop_ends_the_recorded_supervisor(make: Make, tmp_path: Path) -> None:
    process = make(SLEEP)
    assert process.pid
    (tmp_path / "supervisor.pid").write_text(identity(process.pid) or "")

    assert stop_stack(tmp_path, tmp_path) == 0

    assert process.exit_code == -signal.SIGTERM


def test_stop_spares_a_process_that_only_has_the_number_of_the_recorded_one(
    make: Make, tmp_path: Path
) -> None:
    process = make(SLEEP)
    (tmp_path / "supervisor.pid").write_text(f"{process.pid} 1")

    assert stop_stack(tmp_path / "elsewhere", tmp_path) == 0

    assert process.is_running
