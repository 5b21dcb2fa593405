"""What breaks under the product: its servers, its workers and its beat.

They are started again from the main thread, as devstack.processes asks.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable

import redis
from django.conf import settings
from django.db import connection

from bench.soak.world import World
from devstack.processes import send

FROZEN_SECONDS = 3
OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def cut_connections(_world: World, _rng: random.Random) -> None:
    """In the middle of whatever they do, COMMIT included."""
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)


def crash_postgres(world: World, rng: random.Random) -> None:
    """As the kernel would for want of memory, or as `pg_ctl stop -m immediate`."""
    connection.close()
    world.servers.crash("postgres", rng.choice([signal.SIGKILL, signal.SIGQUIT]))


def crash_broker(world: World, _rng: random.Random) -> None:
    world.servers.crash("valkey", signal.SIGKILL)


def empty_broker(_world: World, _rng: random.Random) -> None:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.flushall()


def freeze_broker(world: World, _rng: random.Random) -> None:
    """It takes connections and answers nobody."""
    pid = world.servers.pid("valkey")
    send(pid, signal.SIGSTOP)
    time.sleep(FROZEN_SECONDS)
    send(pid, signal.SIGCONT)


def kill_process(world: World, rng: random.Random) -> None:
    """A pool of workers, or beat."""
    process = rng.choice(world.processes)
    if process.pid:
        send(process.pid, signal.SIGKILL)
    process.stop()
    process.start()


FAULTS: list[Callable[[World, random.Random], None]] = [
    cut_connections, crash_postgres, crash_broker, empty_broker, freeze_broker,
    *[kill_process] * 3,
]  # fmt: skip
