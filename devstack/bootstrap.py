"""Makes the virtual environment of this checkout.

Standard library only, because it runs before there is one. The requirements are installed with
their hashes checked, by uv, or by pip where uv cannot: uv does not read pip's configuration, so
a company mirror may be known to pip alone.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.environment import CHECKOUT, STATE, state_folder

UV = "uv==0.13.9"
# UV_SYSTEM_CERTS: a company's certificate authority is known to the system, not to uv.
# PIP_USER: a user-wide default that pip refuses inside a virtual environment.
ENVIRONMENT = {"UV_SYSTEM_CERTS": "1", "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def ensure(requirements: str, checkout: Path = CHECKOUT, state: Path = STATE) -> Path:
    """The Python of a virtual environment in which `requirements` is installed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - it runs with whatever `python3` is
        raise SystemExit(f"Python 3.11 or later is needed; {sys.executable} is older.")
    with _alone(state_folder(state) / "bootstrap.lock"):
        venv = Venv(checkout)
        if not venv.is_current(requirements):
            print(f"Installing {requirements} into .venv ...", flush=True)
            venv.install(requirements)
        return venv.python


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """A second bootstrap of the same checkout waits for the first."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Venv:
    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.folder = checkout / ".venv"
        self.python = self.folder / "bin" / "python"
        # There while an installation is under way: whoever finds it later starts afresh.
        self.unfinished = self.folder / ".unfinished"

    def is_current(self, requirements: str) -> bool:
        stamp = self._stamp(requirements)
        return (
            self._is_whole()
            and stamp.is_file()
            and stamp.read_text() == self._state_of(requirements)
        )

    def install(self, requirements: str) -> None:
        if not self._is_whole():
            self._create()
        self.unfinished.touch()
        locked = ["--require-hashes", "-r", str(self.checkout / requirements)]
        if not self._install_with_uv(locked):
            self._run([*self._pip(), "install", "-q", *locked])
        self.stamp(requirements)
        self.unfinished.unlink()

    def stamp(self, requirements: str) -> None:
        """From now on `requirements` counts as installed."""
        self._stamp(requirements).write_text(self._state_of(requirements))

    def _is_whole(self) -> bool:
        return not (self.unfinished.exists() or self._is_moved()) and bool(self._version())

    def _is_moved(self) -> bool:
        """Scripts inside name their interpreter by the path that the checkout had."""
        stamps = [stamp.read_text() for stamp in self.folder.glob(".installed-*")]
        return any(stamp.splitlines()[1] != str(self.folder) for stamp in stamps)

    def _version(self) -> str:
        """Empty when the interpreter is gone, for instance after an upgrade of the system."""
        if not self.python.exists():
            return ""
        command = [str(self.python), "-I", "-c", "import sys; print(sys.version)"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def _stamp(self, requirements: str) -> Path:
        return self.folder / f".installed-{requirements}"

    def _state_of(self, requirements: str) -> str:
        content = hashlib.sha256((self.checkout / requirements).read_bytes()).hexdigest()
        return f"{content}\n{self.folder}\n{self._version()}"

    def _create(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.unfinished.touch()
        # Inside a virtual environment sys.executable may be the one just removed.
        python = getattr(sys, "_base_executable", sys.executable)
        if importlib.util.find_spec("ensurepip"):
            made = self._try([python, "-m", "venv", str(self.folder)])
            if made:
                return
        # Debian without python3-venv: the system's own pip installs into the environment.
        self._run([python, "-m", "venv", "--without-pip", str(self.folder)])

    def _pip(self) -> list[str]:
        if self._try([str(self.python), "-m", "pip", "--version"]):
            return [str(self.python), "-m", "pip"]
        return [sys.executable, "-m", "pip", "--python", str(self.python)]

    def _install_with_uv(self, locked: list[str]) -> bool:
        uv = [str(self.python), "-m", "uv"]
        return (
            self._try([*uv, "--version"]) or self._try([*self._pip(), "install", "-q", UV])
        ) and self._try([*uv, "pip", "install", "-q", "--python", str(self.python), *locked])

    def _try(self, command: list[str]) -> bool:
        return self._call(command, quiet=True) == 0

    def _run(self, command: list[str]) -> None:
        if self._call(command, quiet=False) != 0:
            raise SystemExit(f"Could not prepare .venv: {' '.join(command)} failed, see above.")

    def _call(self, command: list[str], *, quiet: bool) -> int:
        output = subprocess.DEVNULL if quiet else None
        environment = {**os.environ, **ENVIRONMENT}
        result = subprocess.run(command, env=environment, stdout=output, stderr=output, check=False)
        return result.returncode
