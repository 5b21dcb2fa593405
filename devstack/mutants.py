"""`make mutants`: the code is broken on purpose, in a copy, and some test turns red each time.

mutations.toml lists what is broken: a lock, a constraint, an order, a check. A mutation that no
test notices is a missing test, one whose text is gone was forgotten by whoever changed the code.
"""

import argparse
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.environment import CHECKOUT
from devstack.scratch import scratch_copy
from devstack.throwaway import Servers

LIST = Path(__file__).with_name("mutations.toml")
SECONDS = 600
TESTS_FAILED = 1
RED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    """In `file` stands `new` instead of `old`, which it has once; one of `tests` turns red."""

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]

    def is_found(self, folder: Path) -> bool:
        return (folder / self.file).read_text().count(self.old) == 1


def listed() -> list[Mutation]:
    found = tomllib.loads(LIST.read_text())
    return [Mutation(name=name, **fields) for name, fields in found.items()]


def survives(mutation: Mutation, folder: Path) -> tuple[bool, str]:
    """Whether no test noticed it, and which one did; the copy is whole again afterwards."""
    file = folder / mutation.file
    before = file.read_text()
    file.write_text(before.replace(mutation.old, mutation.new))
    # A database that was migrated once serves all but those that break its migrations.
    reuse = [] if "/migrations/" in mutation.file else ["--reuse-db"]
    try:
        return run([*reuse, *mutation.tests], folder)
    finally:
        file.write_text(before)


def run(words: Sequence[str], folder: Path) -> tuple[bool, str]:
    """Whether the tests are green, and the first that is red. Without an end nothing is proven."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *words]
    # Two versions of a file, as long and as old, have one cache of its bytecode.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)  # theirs is in pyproject.toml
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True,
            check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return True, f"no end within {SECONDS} s"
    if done.returncode == 0:
        return True, ""
    red = RED.search(done.stdout)
    if done.returncode != TESTS_FAILED or red is None:
        raise SystemExit(f"The tests did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return False, red[1]


def try_all(mutations: Sequence[Mutation], folder: Path) -> int:
    """Prints a line for each; how many survive or are lost."""
    count = 0
    for mutation in mutations:
        began = time.monotonic()
        if mutation.is_found(folder):
            is_alive, told = survives(mutation, folder)
            told = f"SURVIVES {told}" if is_alive else told
        else:
            is_alive, told = True, "ITS TEXT IS GONE"
        count += is_alive
        print(f"{mutation.name:<34} {time.monotonic() - began:4.0f} s  {told}", flush=True)
    return count


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of the mutations to try")
    only = parser.parse_args().only
    mutations = [mutation for mutation in listed() if not only or mutation.name in only]
    servers = Servers()
    try:
        os.environ["TEST_DATABASE_URL"] = servers.start_postgres()
        os.environ["TEST_BROKER_URL"] = servers.start_valkey()
        with scratch_copy(CHECKOUT) as folder:
            left = try_all(mutations, folder)
    finally:
        servers.stop()
    print(f"{len(mutations)} mutations, {left} survive")
    return 1 if left or not mutations else 0


if __name__ == "__main__":
    sys.exit(main())
