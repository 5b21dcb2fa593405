"""`python3 -m devstack VERB [ARGUMENT ...]`: what the Makefile's targets call."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from devstack import bootstrap
from devstack.environment import CHECKOUT, offline_settings
from devstack.leftovers import stop_stack

RUN, DEV = "requirements.txt", "requirements-dev.txt"
COMPILE = [
    *("-m", "uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header"),
    *("--no-annotate", "--no-emit-index-url", "--python-version", "3.11", "pyproject.toml"),
]
PYTEST = ["-m", "pytest", "-n", "2", "--dist", "loadfile"]

# verb: the requirements that it needs, and what the environment's Python then runs in turn
VERBS = {
    "run": (RUN, [["-m", "devstack.supervisor"]]),
    "test": (DEV, [PYTEST]),
    "lint": (DEV, [["-m", "devstack.lint"]]),
    "fmt": (
        DEV,
        [["-m", "ruff", "check", "--fix", "--exit-zero", "."], ["-m", "ruff", "format", "."]],
    ),
    "bench": (DEV, [["-m", "bench"]]),
    "soak": (DEV, [["-m", "bench", "--only", "soak", "--seconds", "60"]]),
    "mutants": (DEV, [["-m", "devstack.mutants"]]),
    "migrations": (DEV, [["manage.py", "makemigrations"]]),
    "lock": (
        DEV,
        [[*COMPILE, "-o", RUN], [*COMPILE, "--group", "dev", "-c", RUN, "-o", DEV]],
    ),
}


def main(verb: str, arguments: list[str]) -> int:
    """Runs the verb's commands in the checkout's virtual environment; the exit code is theirs."""
    os.chdir(CHECKOUT)
    if verb == "stop":
        return stop_stack()
    if verb not in VERBS:
        raise SystemExit(f"No verb {verb!r}; there are: stop, {', '.join(VERBS)}.")
    requirements, commands = VERBS[verb]
    python = bootstrap.ensure(requirements)
    if verb == "migrations":
        os.environ.update(offline_settings())
    for command in commands[:-1]:
        if code := subprocess.run([python, *command], check=False).returncode:
            return code
    return replace_with(python, [*commands[-1], *arguments])


def replace_with(python: Path, command: list[str]) -> int:
    """Becomes `command`, so that signals and the exit code need no passing on."""
    sys.stdout.flush()
    os.execv(python, [str(python), *command])


if __name__ == "__main__":
    # What bootstrap has started ends with it then, as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "", sys.argv[2:]))
    except KeyboardInterrupt:
        sys.exit(130)
