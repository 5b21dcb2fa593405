import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import redis

from devstack import ports
from devstack.leftovers import identity
from devstack.postgres import Postgres, locate
from devstack.postgres_binaries import is_reachable, owner
from devstack.processes import Process
from devstack.throwaway import Servers
from devstack.valkey import Valkey


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    servers = Servers()
    yield servers.folder
    servers.stop()


@pytest.fixture(scope="module")
def data(folder: Path) -> Postgres:
    """A server whose data folder is made; it does not run."""
    inside = folder / "a b"
    inside.mkdir(mode=0o711)
    return Postgres(inside, ports.claim_any(), folder / "postgres.log", is_testing=True)


@pytest.fixture
def running(data: Postgres) -> Iterator[Process]:
    process = data.process()
    process.start()
    process.wait_until(data.is_ready, 30)
    yield process
    process.stop()


def query(server: Postgres, database: str, sql: str) -> object:
    connection = psycopg2.connect(server.url(database))
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def test_a_database_is_created_once(data: Postgres, running: Process) -> None:
    data.create_database("payments")
    data.create_database("payments")

    assert query(data, "payments", "SELECT 1") == [(1,)]


def test_postgres_stops_cleanly_while_a_client_is_connected(
    data: Postgres, running: Process
) -> None:
    with closing(psycopg2.connect(data.url("postgres"))):
        running.stop()

    assert running.exit_code == 0
    assert not (data.data / "postmaster.pid").exists()


def test_postgres_recovers_from_a_kill(data: Postgres, running: Process) -> None:
    running.end_group()

    running.start()

    running.wait_until(data.is_ready, 30)


def test_a_child_that_outlived_its_killed_server_is_ended_first(
    data: Postgres, running: Process
) -> None:
    with closing(psycopg2.connect(data.url("postgres"))) as connection:
        child = connection.info.backend_pid
        os.kill(child, signal.SIGSTOP)  # so that it misses the end of its server
        running.end_group()

        running.start()

        running.wait_until(data.is_ready, 30)
        assert identity(child) is None


def test_a_killed_server_whose_parent_has_not_asked_how_it_ended_is_no_obstacle(
    data: Postgres, running: Process
) -> None:
    assert running.pid
    os.kill(running.pid, signal.SIGKILL)
    second = data.process()

    second.start()

    second.wait_until(data.is_ready, 30)
    second.stop()


def test_a_pid_file_without_a_number_is_no_obstacle(data: Postgres) -> None:
    (data.data / "postmaster.pid").write_text("")
    process = data.process()

    process.start()

    process.wait_until(data.is_ready, 30)
    process.stop()


def test_a_shell_in_the_data_folder_is_left_alone(data: Postgres, running: Process) -> None:
    running.end_group()
    with subprocess.Popen(["sleep", "60"], cwd=data.data, user=owner()) as shell:
        running.start()

        running.wait_until(data.is_ready, 30)

        assert shell.poll() is None
        shell.kill()


def test_a_pid_file_whose_number_another_program_has_is_no_obstacle(data: Postgres) -> None:
    process = data.process()
    # Of the server's own user: PostgreSQL ignores the others' by itself.
    with subprocess.Popen(["sleep", "60"], user=owner()) as stranger:
        lines = [stranger.pid, data.data, 1, data.port, "", "127.0.0.1", ""]
        (data.data / "postmaster.pid").write_text("\n".join(map(str, lines)))
        process.start()

        process.wait_until(data.is_ready, 30)

        process.stop()
        stranger.kill()


def test_a_server_that_an_earlier_run_left_is_ended_first(data: Postgres, running: Process) -> None:
    second = Postgres(data.folder, data.port, data.log, is_testing=True)
    process = second.process()

    process.start()

    assert running.exit_code == 0
    process.wait_until(second.is_ready, 30)
    process.stop()


def test_half_made_data_is_never_taken_for_the_whole(data: Postgres, folder: Path) -> None:
    inside = folder / "half"
    inside.mkdir(mode=0o711)
    (inside / "draft").mkdir()
    (inside / "draft" / "PG_VERSION").write_text("1")
    server = Postgres(inside, data.port, data.log, is_testing=True)

    process = server.process()
    process.prepare()

    assert (server.data / "global" / "pg_control").exists()
    assert not (inside / "draft").exists()


def test_data_of_another_version_is_refused_with_a_sentence(folder: Path, data: Postgres) -> None:
    other = folder / "other"
    (other / "data").mkdir(parents=True)
    (other / "data" / "PG_VERSION").write_text("9\n")

    with pytest.raises(SystemExit, match="data of PostgreSQL 9"):
        Postgres(other, data.port, data.log).process().start()


def test_another_server_on_the_port_is_not_taken_for_ours(
    data: Postgres, running: Process, folder: Path
) -> None:
    assert data.is_ready()
    assert not Postgres(folder / "other", data.port, data.log).is_ready()


def test_a_state_folder_out_of_reach_gets_its_data_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "closed"
    state.mkdir(mode=0o700)
    monkeypatch.setattr("devstack.postgres_binaries.owner", lambda: "nobody")
    monkeypatch.setattr("devstack.postgres.OUTSIDE", tmp_path / "outside")

    place = locate(state)

    assert not is_reachable(state)
    assert place.is_relative_to(tmp_path / "outside")
    assert (state / "postgres").resolve() == place


@pytest.fixture
def valkey(folder: Path) -> Iterator[tuple[Valkey, Process]]:
    server = Valkey(folder / "valkey data", ports.claim_any(), folder / "valkey.log")
    process = server.process()
    process.start()
    process.wait_until(lambda: server.is_ready(process.pid), 10)
    yield server, process
    process.stop()
    ports.release(server.port)


def test_what_valkey_holds_survives_a_stop(valkey: tuple[Valkey, Process]) -> None:
    server, process = valkey
    with redis.Redis.from_url(server.url(1)) as client:
        client.set("key", "value")
    process.stop()

    process.start()
    process.wait_until(lambda: server.is_ready(process.pid), 10)

    with redis.Redis.from_url(server.url(1)) as client:
        assert client.get("key") == b"value"


def test_valkey_is_ready_only_as_the_process_that_was_started(
    valkey: tuple[Valkey, Process],
) -> None:
    server, process = valkey

    assert server.is_ready(process.pid)
    assert not server.is_ready(os.getpid())


def test_the_servers_of_the_tests_leave_nothing(tmp_path: Path) -> None:
    code = """
import os, psycopg2
from devstack.throwaway import Servers
servers = Servers()
url = servers.start_postgres()
servers.start_valkey()
print(servers.folder, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()

    Servers().stop()

    assert not left.exists()
