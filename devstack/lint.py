"""`make lint`: every static check, two at a time, with the output of those that fail."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from devstack.environment import CHECKOUT, offline_settings

AT_ONCE = 2
CHECKS = {
    "mypy": ["-m", "mypy", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "ruff check": ["-m", "ruff", "check", "."],
    "import order": ["{bin}/lint-imports"],
    "migrations": ["manage.py", "makemigrations", "--check", "--dry-run"],
    "deployment": ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "API schema": [
        *("manage.py", "spectacular", "--validate", "--fail-on-warn"),
        *("--file", "{temp}/openapi.yaml"),
    ],
    "compose file": [
        *("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
        "docker-compose.yml",
    ],
}


@dataclass(frozen=True)
class Result:
    name: str
    seconds: float
    output: str
    is_failure: bool


def run(name: str, command: list[str], environment: dict[str, str]) -> Result:
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Result(name, time.monotonic() - began, done.stdout, done.returncode != 0)


def show(result: Result) -> None:
    verdict = "FAILED" if result.is_failure else "ok"
    print(f"{result.name:<13} {verdict:<7} {result.seconds:5.1f} s", flush=True)
    if result.is_failure:
        print(result.output, flush=True)


def main() -> int:
    """The exit code: 1 when any check fails; all of them run in any case."""
    environment = {**os.environ, **offline_settings()}
    failures = 0
    with TemporaryDirectory() as temp, ThreadPoolExecutor(AT_ONCE) as pool:
        places = {"bin": str(Path(sys.executable).parent), "temp": temp}
        running = [
            pool.submit(run, name, [word.format(**places) for word in command], environment)
            for name, command in CHECKS.items()
        ]
        for each in as_completed(running):
            show(each.result())
            failures += each.result().is_failure
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
