"""What the stack decides for whatever the user left open; it becomes `.devstack/env`."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack import ports
from devstack.environment import api_key, kept, read_dotenv, webhook_secret, write_dotenv
from devstack.leftovers import MARKER

DATABASE = "payments"
WEB_PORT, LISTENER_PORT = 8000, 3001
# Celery's advice for servers, at each start of a worker by root, as in most containers.
AS_ROOT = "ignore:You're running the worker with superuser privileges"


@dataclass(frozen=True)
class Ports:
    """Where each server listens; None for a server that the user runs elsewhere."""

    web: int
    listener: int
    postgres: int | None
    valkey: int | None
    stripe: int | None


def choose_ports(given: Mapping[str, str], state: Path) -> Ports:
    """Claims the ports; those of servers that only programs visit are the last run's if free."""
    remembered = read_dotenv(state / "ports")
    inner = {
        name: ports.claim_any(int(remembered.get(name, 0))) if switch not in given else None
        for name, switch in [
            ("postgres", "DATABASE_URL"),
            ("valkey", "CELERY_BROKER_URL"),
            ("stripe", "STRIPE_SECRET_KEY"),
        ]
    }
    return Ports(
        web=ports.claim_public("PORT", given.get("PORT"), WEB_PORT),
        listener=ports.claim_public("LISTENER_PORT", given.get("LISTENER_PORT"), LISTENER_PORT),
        postgres=inner["postgres"],
        valkey=inner["valkey"],
        stripe=inner["stripe"],
    )


def remember(state: Path, at: Ports) -> None:
    """The next run takes the same ports for the servers that only programs visit."""
    inner = {"postgres": at.postgres, "valkey": at.valkey, "stripe": at.stripe}
    write_dotenv(state / "ports", {name: str(port) for name, port in inner.items() if port})


def choose(given: Mapping[str, str], state: Path, at: Ports) -> dict[str, str]:
    """A value for every setting that the user has not given."""
    values = {
        "DEBUG": "1",
        "SECRET_KEY": kept(state, "secret_key", lambda: secrets.token_urlsafe(45)),
        "ALLOWED_HOSTS": "*",
        "PORT": str(at.web),
        "LISTENER_PORT": str(at.listener),
        "WEBHOOK_URLS": f"http://127.0.0.1:{at.listener}/api/webhook",
        "WEBHOOK_SECRET": kept(state, "webhook_secret", webhook_secret),
        "WEBHOOK_ALLOW_LOOPBACK": "1",
        "STRIPE_WEBHOOK_SECRET": kept(state, "stripe_webhook_secret", webhook_secret),
        "DEMO_API_KEY": kept(state, "demo_api_key", api_key),
        "DEMO_STAFF_PASSWORD": kept(state, "staff_password", lambda: secrets.token_urlsafe(12)),
        **_addresses(at),
    }
    return {key: value for key, value in values.items() if key not in given}


def _addresses(at: Ports) -> dict[str, str]:
    values = {}
    if at.postgres:
        values["DATABASE_URL"] = f"postgres://app@127.0.0.1:{at.postgres}/{DATABASE}"
    if at.valkey:
        broker = f"redis://127.0.0.1:{at.valkey}"
        values["CELERY_BROKER_URL"] = f"{broker}/0"
        values["CELERY_RESULT_BACKEND"] = f"{broker}/1"
        values["CACHE_URL"] = f"{broker}/2"
    if at.stripe:
        values["STRIPE_SECRET_KEY"] = "sk_test_sandbox"
        values["STRIPE_API_BASE"] = f"http://127.0.0.1:{at.stripe}"
    return values


def child_environment(
    given: Mapping[str, str], chosen: Mapping[str, str], checkout: Path
) -> dict[str, str]:
    """What every process of the stack sees."""
    return {
        "PYTHONWARNINGS": AS_ROOT,
        **os.environ,
        **given,
        **chosen,
        "PYTHONUNBUFFERED": "1",
        MARKER: str(checkout),
    }
