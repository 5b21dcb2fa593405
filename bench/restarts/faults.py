"""What is broken: processes of the stack are killed or frozen, or forget."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import redis

from bench.restarts.stack import Stack
from devstack.leftovers import marked
from devstack.processes import send

FROZEN_SECONDS = 8


def everything(stack: Stack) -> str:
    """Killed at once; nobody is left who could start it again."""
    end([*stack.supervisors, *marked(stack.folder), *stack.servers])
    return ""


def supervisor(stack: Stack) -> str:
    end(stack.supervisors)
    return ""


def postmaster(stack: Stack) -> str:
    """PostgreSQL crashes: its children lose their parent."""
    end([stack.postmaster])
    return "postgres"


def database(stack: Stack) -> str:
    """PostgreSQL is told to stop at once, as `pg_ctl -m immediate` does."""
    end([stack.postmaster], signal.SIGQUIT)
    return "postgres"


def broker(stack: Stack) -> str:
    end(stack.named(b"valkey"))
    return "valkey"


def forgetful_broker(stack: Stack) -> str:
    """All tasks, marks and counters are gone."""
    with redis.Redis.from_url(stack.settings()["CELERY_BROKER_URL"]) as client:
        client.flushall()
    return ""


def frozen_broker(stack: Stack) -> str:
    """It takes connections and answers nobody, for longer than anybody waits."""
    (pid,) = stack.named(b"valkey")
    end([pid], signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    end([pid], signal.SIGCONT)
    return ""


def sandbox(stack: Stack) -> str:
    end(stack.named(b"stripe_sandbox"))
    return "stripe"


FAULTS: list[Callable[[Stack], str]] = [
    everything, supervisor, postmaster, database, broker, forgetful_broker, frozen_broker, sandbox,
]  # fmt: skip
"""Each returns which process of the stack its supervisor has to start again, if it lives."""


def end(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        send(pid, number)
