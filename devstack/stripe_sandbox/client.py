"""For tests: a sandbox in a process of its own, and the orders it takes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

READY = "stripe sandbox listening on "
DEADLINE = 10.0
ROOT = Path(__file__).resolve().parents[2]
# Loopback is never reached through a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxControl:
    """The sandbox at `url`. Every method raises urllib.error.HTTPError when it is refused."""

    def __init__(self, url: str) -> None:
        self.url = url

    def fault(
        self,
        action: str,
        *,
        path: str = "",
        method: str = "POST",
        times: int = 1,
        hang_seconds: float = 30.0,
        body_contains: str = "",
    ) -> str:
        """The next `times` matching requests go wrong; `path` and `body_contains` are regexes."""
        order = {
            "action": action,
            "path": path,
            "method": method,
            "times": times,
            "hang_seconds": hang_seconds,
            "body_contains": body_contains,
        }
        fault_id: str = self.request("POST", "faults", order)["id"]
        return fault_id

    def faults(self) -> list[dict[str, Any]]:
        """The orders with their `hits`."""
        listed: list[dict[str, Any]] = self.request("GET", "faults")["data"]
        return listed

    def clear_faults(self) -> None:
        self.request("DELETE", "faults")

    def reset(self) -> None:
        """No objects, keys, events, faults, and the real time."""
        self.request("POST", "reset")

    def authenticate(self, intent_id: str, outcome: str = "succeed") -> dict[str, Any]:
        """The cardholder passes 3-D Secure or, with `fail`, does not; the intent as it is then."""
        kind = "setup_intents" if intent_id.startswith("seti_") else "payment_intents"
        return self.request("POST", f"{kind}/{intent_id}/authenticate", {"outcome": outcome})

    def become(self, payment_method: str, card: str) -> dict[str, Any]:
        """The issuer treats the saved card as that test card: `chargeDeclinedLostCard`, say."""
        return self.request("POST", f"payment_methods/{payment_method}/become", {"card": card})

    def dispute(self, charge_id: str, **fields: Any) -> dict[str, Any]:
        """The cardholder disputes the paid `ch_…`, `amount` of it or all; `inquiry`: asks."""
        return self.request("POST", f"charges/{charge_id}/dispute", fields)

    def close_dispute(self, dispute_id: str, status: str, **fields: Any) -> dict[str, Any]:
        """The bank decides, also when it had decided otherwise: `won` (`amount`: what it gives
        back, else all) or `lost`; `warning_closed` for an inquiry.
        """
        return self.request("POST", f"disputes/{dispute_id}/close", {"status": status, **fields})

    def escalate_inquiry(self, dispute_id: str) -> dict[str, Any]:
        """The inquiry becomes a dispute."""
        return self.request("POST", f"disputes/{dispute_id}/escalate")

    def resend(self, event_id: str) -> None:
        self.request("POST", f"events/{event_id}/resend")

    def advance_clock(self, seconds: int) -> int:
        """The sandbox's time after it, in seconds since 1970."""
        now: int = self.request("POST", "clock", {"advance_seconds": seconds})["now"]
        return now

    def summary(self) -> dict[str, Any]:
        """`payment_intents` by status, `succeeded_amount` by currency in minor units."""
        return self.request("GET", "summary")

    def request(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        url = f"{self.url}/_sandbox/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        with OPENER.open(request, timeout=DEADLINE) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


class Sandbox(SandboxControl):
    """A running sandbox; `with start() as sandbox:` ends it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        super().__init__(url)
        self.process = process

    def stop(self, number: int = signal.SIGTERM) -> None:
        """The process and all that it started are gone."""
        end(self.process, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start(
    port: int = 0,
    state: str | Path | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
    log_level: str = "warning",
) -> Sandbox:
    """A sandbox that answers. It ends with this process, however that ends.

    Raises RuntimeError when it is not ready within DEADLINE seconds.
    """
    command = [sys.executable, "-m", "devstack.stripe_sandbox", "--until-stdin-closes"]
    command += ["--port", str(port), "--log-level", log_level]
    command += ["--state", str(state)] if state else []
    command += ["--webhook-url", webhook_url] if webhook_url else []
    command += ["--webhook-secret", webhook_secret] if webhook_secret else []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        return Sandbox(process, _address(process))
    except BaseException:
        end(process, signal.SIGKILL)
        raise


def end(process: subprocess.Popen[str], number: int) -> None:
    """The process group has ended; killed when it does not do so within DEADLINE seconds."""
    _signal_group(process, number)
    try:
        process.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _signal_group(process: subprocess.Popen[str], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], DEADLINE)
    line = process.stdout.readline() if readable else ""
    if not line.startswith(READY):
        raise RuntimeError(f"the Stripe sandbox did not start: {line!r}")
    return line.removeprefix(READY).strip()
