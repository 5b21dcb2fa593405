"""Servers for the tests: up before pytest-django reads the settings, gone after the last test.

Loaded with `-p`, because a conftest.py comes too late. TEST_DATABASE_URL and TEST_BROKER_URL
name servers to use instead. Workers of pytest-xdist share the servers of the process that
started them, each with databases of its own.
"""

import atexit
import os
import signal
from base64 import b64encode
from collections.abc import Generator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from devstack.stripe_sandbox import client
from devstack.throwaway import Servers

SECRET = "whsec_" + b64encode(b"a signing secret of the tests 32").decode()
SETTINGS = {
    "ENV_FILES": "",
    "DEBUG": "0",
    "SECRET_KEY": "the tests' own key, long enough for every check that Django makes of it",
    "ALLOWED_HOSTS": "*",
    "LOG_LEVEL": "WARNING",
    "STRANGER_REQUESTS_PER_MINUTE": "1000000",  # the suite is one address
    "STRIPE_SECRET_KEY": "sk_test_sandbox",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_the_stripe_sandbox",
    "STRIPE_API_BASE": "http://127.0.0.1:1",  # until the sandbox says where it is
    "WEBHOOK_SECRET": SECRET,
    "WEBHOOK_URLS": "",
    "WEBHOOK_ALLOW_LOOPBACK": "1",
}
BROKER_DATABASES = 3

# Closed when pytest ends; at exit too, for when it never got as far as being configured.
running = ExitStack()
atexit.register(running.close)


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
