"""Servers for the tests: up before pytest-django reads the settings, gone after the last test.

Loaded with `-p`, because a conftest.py comes too late. TEST_DATABASE_URL and TEST_BROKER_URL
name servers to use instead. Workers of pytest-xdist share the servers of the process that
started them, each with databases of its own.
"""

import atexit
import fcntl
import os
import shutil
import signal
import tempfile
from base64 import b64encode
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from devstack import ports, postgres, valkey
from devstack.environment import private_folder
from devstack.postgres import Postgres
from devstack.postgres_binaries import is_reachable
from devstack.processes import Process
from devstack.stripe_sandbox import client
from devstack.valkey import Valkey

PREFIX = "payments-test-"
SECRET = "whsec_" + b64encode(b"a signing secret of the tests 32").decode()
SETTINGS = {
    "ENV_FILES": "",
    "DEBUG": "0",
    "SECRET_KEY": "the tests' own key, long enough for every check that Django makes of it",
    "ALLOWED_HOSTS": "*",
    "LOG_LEVEL": "WARNING",
    "STRIPE_SECRET_KEY": "sk_test_sandbox",
    "STRIPE_API_BASE": "http://127.0.0.1:1",  # until the sandbox says where it is
    "WEBHOOK_SECRET": SECRET,
    "WEBHOOK_URLS": "",
    "WEBHOOK_ALLOW_LOOPBACK": "1",
}
BROKER_DATABASES = 3

# Closed when pytest ends; at exit too, for when it never got as far as being configured.
running = ExitStack()
atexit.register(running.close)


class Servers:
    """PostgreSQL and Valkey in a folder that ends with them."""

    def __init__(self) -> None:
        remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder()))
        self.folder.chmod(0o711)
        self._lock = _locked(self.folder)
        self._processes: list[Process] = []

    def start_postgres(self) -> str:
        folder = self.folder / "postgres"
        folder.mkdir()
        folder.chmod(0o711)
        server = Postgres(folder, ports.claim_any(), self.folder / "postgres.log", is_testing=True)
        self._start(server.process()).wait_until(server.is_ready, postgres.READY_SECONDS)
        return server.url("payments")

    def start_valkey(self) -> str:
        folder = private_folder(self.folder / "valkey")
        server = Valkey(folder, ports.claim_any(), self.folder / "valkey.log", is_testing=True)
        process = self._start(server.process())
        process.wait_until(lambda: server.is_ready(process.pid), valkey.READY_SECONDS)
        return server.url(0)

    def _start(self, process: Process) -> Process:
        self._processes.append(process)
        process.start()
        return process

    def stop(self) -> None:
        while self._processes:
            self._processes.pop().stop()
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


def broker_settings(url: str, worker: str | None) -> dict[str, str]:
    """The broker's databases: 0, 1, 2 without workers, 3, 4, 5 for worker `gw0`, and so on."""
    first = (int(worker.removeprefix("gw")) + 1) * BROKER_DATABASES if worker else 0
    names = ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CACHE_URL"]
    return {
        name: urlsplit(url)._replace(path=f"/{first + index}").geturl()
        for index, name in enumerate(names)
    }


def start_servers() -> None:
    """The environment names a database and a broker that run until this process ends."""
    database, broker = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_BROKER_URL")
    servers = Servers()
    running.callback(servers.stop)
    # As on Ctrl-C, pytest ends in order and the servers with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.environ["DATABASE_URL"] = database or servers.start_postgres()
    os.environ.update(broker_settings(broker or servers.start_valkey(), worker=None))


def start_sandbox() -> None:
    sandbox = client.start()
    running.callback(sandbox.stop)
    os.environ["STRIPE_API_BASE"] = sandbox.url


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    os.environ.update(SETTINGS)
    if worker:
        os.environ.update(broker_settings(os.environ["CELERY_BROKER_URL"], worker))
    else:
        start_servers()
    # With workers this process runs no test.
    if worker or not getattr(early_config.known_args_namespace, "numprocesses", None):
        start_sandbox()
    return (yield)


def pytest_unconfigure() -> None:
    running.close()
