"""PostgreSQL and Valkey that nobody needs afterwards: for the tests and the benchmark."""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from devstack import ports, postgres, valkey
from devstack.environment import private_folder
from devstack.postgres import Postgres
from devstack.postgres_binaries import is_reachable
from devstack.processes import Process, send
from devstack.valkey import Valkey

PREFIX = "payments-test-"


class Servers:
    """PostgreSQL and Valkey in a folder that ends with them, durable unless `is_testing`."""

    def __init__(self, *, is_testing: bool = True) -> None:
        self.is_testing = is_testing
        remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder()))
        self.folder.chmod(0o711)
        self._lock = _locked(self.folder)
        self._processes: dict[str, tuple[Process, Callable[[], None]]] = {}

    def start_postgres(self) -> str:
        folder = self.folder / "postgres"
        folder.mkdir()
        folder.chmod(0o711)
        log = self.folder / "postgres.log"
        server = Postgres(folder, ports.claim_any(), log, is_testing=self.is_testing)
        process = server.process()
        self._start(process, lambda: process.wait_until(server.is_ready, postgres.READY_SECONDS))
        return server.url("payments")

    def start_valkey(self) -> str:
        folder = private_folder(self.folder / "valkey")
        log = self.folder / "valkey.log"
        server = Valkey(folder, ports.claim_any(), log, is_testing=self.is_testing)
        process = server.process()
        self._start(
            process,
            lambda: process.wait_until(lambda: server.is_ready(process.pid), valkey.READY_SECONDS),
        )
        return server.url(0)

    def _start(self, process: Process, wait_until_ready: Callable[[], None]) -> None:
        self._processes[process.name] = process, wait_until_ready
        process.start()
        wait_until_ready()

    def pid(self, name: str) -> int:
        pid = self._processes[name][0].pid
        assert pid, "pid() comes after the server's start"
        return pid

    def crash(self, name: str, number: signal.Signals) -> None:
        """The server ends by this signal, with all connections, and is ready again."""
        process, wait_until_ready = self._processes[name]
        send(self.pid(name), number)
        process.wait()
        process.start()
        wait_until_ready()

    def stop(self) -> None:
        while self._processes:
            _, (process, _) = self._processes.popitem()
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock:
            self._lock.close()


def temporary_folder() -> Path:
    """The usual one, unless the user that PostgreSQL runs as cannot get there."""
    usual = Path(tempfile.gettempdir())
    return usual if is_reachable(usual) else Path("/var/tmp")


def remove_abandoned() -> None:
    """Folders of tests that were killed are gone: nobody holds their lock any more."""
    for path in temporary_folder().glob(f"{PREFIX}*/lock"):
        if path.stat().st_uid == os.geteuid() and (lock := _locked(path.parent)):
            shutil.rmtree(path.parent, ignore_errors=True)
            lock.close()


def _locked(folder: Path) -> IO[str] | None:
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
