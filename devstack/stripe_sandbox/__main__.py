"""`python -m devstack.stripe_sandbox --port N`: a sandbox on loopback until told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading

from devstack.stripe_sandbox.api import Api
from devstack.stripe_sandbox.delivery import Delivery
from devstack.stripe_sandbox.server import SandboxServer
from devstack.stripe_sandbox.store import Store

# Seconds between two looks for refunds whose time has come.
REFUND_POLL = 1.0


def main() -> None:
    options = parse_options()
    logging.basicConfig(
        stream=sys.stderr,
        level=options.log_level.upper(),
        format="%(asctime)s stripe-sandbox %(message)s",
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.until_stdin_closes:
        threading.Thread(target=_stop_at_end_of_input, args=(stop,), daemon=True).start()
    serve(options, stop)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.stripe_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 for a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--state", default=":memory:", help="a file; without it, memory only")
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-secret")
    parser.add_argument("--log-level", default="info")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="stop when the parent is gone"
    )
    options = parser.parse_args()
    if bool(options.webhook_url) != bool(options.webhook_secret):
        parser.error("--webhook-url and --webhook-secret go together")
    return options


def serve(options: argparse.Namespace, stop: threading.Event) -> None:
    """Until `stop` is set; the state file is closed properly then."""
    store = Store(options.state)
    api = Api(store, webhooks=bool(options.webhook_url))
    server = SandboxServer((options.host, options.port), api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if options.webhook_url:
        Delivery(store, api.now, options.webhook_url, options.webhook_secret, stop).start()
    print(f"stripe sandbox listening on http://{options.host}:{server.server_port}", flush=True)
    while not stop.wait(REFUND_POLL):
        api.settle_late_refunds()
    store.close()
    server.server_close()


def _stop_at_end_of_input(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main()
