import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import ports
from devstack.bootstrap import Venv
from devstack.choices import Ports, choose, choose_ports, remember
from devstack.environment import api_key, given, kept, read_dotenv, write_dotenv
from devstack.pytest_plugin import broker_settings

AT = Ports(web=8000, listener=3001, postgres=5001, valkey=5002, stripe=5003)


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((ports.HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_what_is_written_is_read_back_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "env"

    write_dotenv(path, {"URL": "postgres://a@b/c?d=e", "EMPTY": ""})

    assert read_dotenv(path) == {"URL": "postgres://a@b/c?d=e", "EMPTY": ""}
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_dotenv_may_hold_comments_quotes_and_exports(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# a note\n\nexport A='one two'\nB = \"3\"\n")

    assert read_dotenv(path) == {"A": "one two", "B": "3"}


def test_the_process_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=1\nLISTENER_PORT=2\n")
    monkeypatch.setenv("PORT", "9")
    monkeypatch.delenv("LISTENER_PORT", raising=False)

    assert (given(tmp_path)["PORT"], given(tmp_path)["LISTENER_PORT"]) == ("9", "2")


def test_a_kept_secret_is_made_once(tmp_path: Path) -> None:
    assert kept(tmp_path, "key", api_key) == kept(tmp_path, "key", api_key)


def test_an_api_key_has_a_prefix_of_12_and_a_secret_of_43() -> None:
    prefix, _, secret = api_key().partition(".")

    assert (len(prefix), len(secret)) == (12, 43)


def test_nothing_is_chosen_that_the_user_has_given(tmp_path: Path) -> None:
    chosen = choose({"SECRET_KEY": "mine", "DEBUG": "0"}, tmp_path, AT)

    assert "SECRET_KEY" not in chosen
    assert "DEBUG" not in chosen
    assert chosen["DATABASE_URL"] == "postgres://app@127.0.0.1:5001/payments"


def test_the_second_run_chooses_the_same(tmp_path: Path) -> None:
    assert choose({}, tmp_path, AT) == choose({}, tmp_path, AT)


def test_a_given_address_needs_no_server(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "x", "CELERY_BROKER_URL": "x", "STRIPE_SECRET_KEY": "x"}
    at = choose_ports(given, tmp_path)
    ports.release(at.web)
    ports.release(at.listener)

    assert (at.postgres, at.valkey, at.stripe) == (None, None, None)


def test_the_ports_of_the_last_run_are_taken_again(tmp_path: Path) -> None:
    first = ports.claim_any()
    ports.release(first)
    remember(tmp_path, Ports(web=1, listener=1, postgres=first, valkey=None, stripe=None))

    at = choose_ports({"CELERY_BROKER_URL": "x", "STRIPE_SECRET_KEY": "x"}, tmp_path)
    for port in (at.web, at.listener, first):
        ports.release(port)

    assert at.postgres == first


def test_a_port_in_use_is_passed_over(taken: int) -> None:
    port = ports.claim_public("PORT", None, taken)
    ports.release(port)

    assert port != taken


def test_a_given_port_in_use_is_refused_with_a_sentence(taken: int) -> None:
    with pytest.raises(SystemExit, match=f"PORT={taken} is taken"):
        ports.claim_public("PORT", str(taken), 8000)


@pytest.mark.parametrize("word", ["web", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused_with_a_sentence(word: str) -> None:
    with pytest.raises(SystemExit, match="is not a port"):
        ports.claim_public("PORT", word, 8000)


def test_a_port_is_claimed_once() -> None:
    port = ports.claim_any()

    assert not ports.claim(port)
    ports.release(port)
    assert ports.claim(port)
    ports.release(port)


def test_each_test_worker_has_broker_databases_of_its_own() -> None:
    alone = broker_settings("redis://127.0.0.1:5002/0", None)
    second = broker_settings("redis://127.0.0.1:5002/0", "gw1")

    assert [url[-2:] for url in alone.values()] == ["/0", "/1", "/2"]
    assert [url[-2:] for url in second.values()] == ["/6", "/7", "/8"]


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    """One without pip, in which nothing is left to install."""
    (tmp_path / "none.txt").write_text("")
    venv = Venv(tmp_path)
    venv.python.parent.mkdir(parents=True)
    venv.python.write_text("#!/bin/sh\necho 3.11\n")
    venv.python.chmod(0o755)
    venv.stamp("none.txt")
    return venv


def test_an_installed_environment_is_current(venv: Venv) -> None:
    assert venv.is_current("none.txt")


def test_changed_requirements_are_installed_again(venv: Venv) -> None:
    (venv.checkout / "none.txt").write_text("django")

    assert not venv.is_current("none.txt")


def test_another_python_is_installed_into_again(venv: Venv) -> None:
    venv.python.write_text("#!/bin/sh\necho 3.12\n")

    assert not venv.is_current("none.txt")


def test_an_interrupted_installation_is_not_current(venv: Venv) -> None:
    venv.unfinished.touch()

    assert not venv.is_current("none.txt")


def test_an_environment_that_was_moved_is_not_current(venv: Venv) -> None:
    moved = venv.checkout / "moved"
    moved.mkdir()
    (moved / "none.txt").write_text("")
    venv.folder.rename(moved / ".venv")

    assert not Venv(moved).is_current("none.txt")


def test_a_missing_interpreter_is_not_current(venv: Venv) -> None:
    venv.python.unlink()

    assert not venv.is_current("none.txt")
