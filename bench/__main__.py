"""`make bench`: what a wallet charge over HTTP, a due installment and a webhook cost.

On its own PostgreSQL (durable: fsync and synchronous_commit on) and Valkey, in one run. Bare SQL is
the product's own statements with prepared parameters, without Django, DRF and HTTP around them.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys

from devstack.stripe_sandbox.client import Sandbox
from devstack.stripe_sandbox.client import start as start_sandbox
from devstack.throwaway import Servers

SETTINGS = {
    "ENV_FILES": "",
    "DEBUG": "0",
    "SECURE_SSL_REDIRECT": "0",
    "SECRET_KEY": "the benchmark's own key, long enough for every check of Django",
    "ALLOWED_HOSTS": "*",
    "STRIPE_SECRET_KEY": "sk_test_bench",
    "STRIPE_WEBHOOK_SECRET": "whsec_bench",
    "LOG_LEVEL": "INFO",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each HTTP measurement")
    parser.add_argument(
        "--installments", type=int, nargs="+", default=[20_000], help="due at once; several runs"
    )
    parser.add_argument("--events", type=int, default=500, help="each for eleven endpoints")
    parser.add_argument("--rows", type=int, default=1_000_000, help="charges, with --only pages")
    parser.add_argument("--ended", type=int, default=160_000, help="orders, with --only aging")
    parser.add_argument(
        "--only", choices=["charges", "due", "aging", "webhooks", "pages", "soak", "bulkheads"]
    )
    parser.add_argument("--seed", type=int, help="of the soak; a fresh one is printed")
    parser.add_argument("--customers", type=int, default=500)
    options = parser.parse_args()
    servers, sandbox = Servers(is_testing=False), start_sandbox()
    try:
        broker = servers.start_valkey()
        os.environ |= SETTINGS | {
            "DATABASE_URL": servers.start_postgres(),
            "CELERY_BROKER_URL": broker,
            "STRIPE_API_BASE": sandbox.url,
            "DJANGO_SETTINGS_MODULE": "payments_project.settings",
        }
        _create_database(os.environ["DATABASE_URL"])
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], check=True)
        _measure(options, sandbox, servers)
    finally:
        sandbox.stop()
        servers.stop()


def _create_database(url: str) -> None:
    import psycopg2

    base, _, name = url.rpartition("/")
    connection = psycopg2.connect(f"{base}/postgres")
    connection.autocommit = True
    connection.cursor().execute(f'CREATE DATABASE "{name}"')
    connection.close()


def _measure(options: argparse.Namespace, sandbox: Sandbox, servers: Servers) -> None:
    import django

    django.setup()
    from bench import aging, bulkheads, charges, due, pages, webhooks
    from bench.soak import run as soak

    if options.only in (None, "charges"):
        charges.measure(seconds=options.seconds, customers=options.customers)
    if options.only in (None, "due"):
        for count in options.installments:
            due.measure(count=count, customers=options.customers)
    if options.only in (None, "webhooks"):
        webhooks.measure(count=options.events)
    if options.only == "aging":
        aging.measure(closed=options.ended, customers=options.customers)
    if options.only == "pages":
        pages.measure(count=options.rows)
    if options.only == "bulkheads":
        bulkheads.measure(seconds=options.seconds, sandbox=sandbox)
    if options.only == "soak":
        seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
        seconds = options.seconds
        if not soak.measure(seconds=seconds, seed=seed, sandbox=sandbox, servers=servers):
            sys.exit(1)


if __name__ == "__main__":
    main()
