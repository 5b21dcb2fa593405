"""Libraries that other people wrote, asked whether they accept what we send."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from devstack import node

HERE = Path(__file__).parent


class Python:
    """PyPI's standardwebhooks."""

    def accepts(self, secret: str, headers: Mapping[str, str], body: bytes, at: int) -> bool:
        """Whether it does at the second `at` of the epoch."""
        with time_machine.travel(datetime.fromtimestamp(at, UTC), tick=False):
            try:
                Webhook(secret).verify(body, dict(headers))
            except WebhookVerificationError:
                return False
        return True

    def close(self) -> None:
        pass


class Node:
    """npm's standardwebhooks, in a process that answers line by line."""

    def __init__(self) -> None:
        node.install(HERE)
        self._process = subprocess.Popen(
            [node.COMMAND, HERE / "verify.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._ask, self._answers = self._process.stdin, self._process.stdout

    def accepts(self, secret: str, headers: Mapping[str, str], body: bytes, at: int) -> bool:
        request = {
            "secret": secret,
            "headers": dict(headers),
            "body": b64encode(body).decode(),
            "at": at,
        }
        self._ask.write(json.dumps(request) + "\n")
        self._ask.flush()
        answer = self._answers.readline().strip()
        assert answer, "the verifier died"
        return answer == "accepted"

    def close(self) -> None:
        self._process.communicate(timeout=10)
