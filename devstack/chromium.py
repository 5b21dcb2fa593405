"""Debian's Chromium, for the tests of pages: brought by apt where that is possible."""

import os
import shutil
import subprocess

INSTALL_SECONDS = 300
OPTIONS = [
    "--no-sandbox",  # root has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def path() -> str | None:
    """The program, installed first if it is missing and we are root; None where that fails."""
    return shutil.which("chromium") or (_install() if os.geteuid() == 0 else None)


def _install() -> str | None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", "chromium"]):
        try:
            subprocess.run(
                ["apt-get", "-y", *command], env=environment, timeout=INSTALL_SECONDS, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
    return shutil.which("chromium")
