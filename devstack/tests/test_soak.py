"""`make soak` for a few seconds: random operations and faults, then all books agree."""

import os
import subprocess
import sys

from devstack.environment import CHECKOUT

SECONDS = os.environ.get("SOAK_SECONDS", "10")
SEED = os.environ.get("SOAK_SEED", "7")


def test_after_anything_at_once_all_books_agree() -> None:
    names = ("PATH", "HOME", "REQUIRE_BROWSER")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    command = [sys.executable, "-m", "bench", "--only", "soak"]

    done = subprocess.run(
        [*command, "--seconds", SECONDS, "--seed", SEED],
        cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "all agree" in done.stdout
