"""A copy of the checkout, in which a stack can be killed or the code broken on purpose."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.environment import CHECKOUT
from devstack.throwaway import temporary_folder

PREFIX = "payments-scratch-"


@contextmanager
def scratch_copy(checkout: Path = CHECKOUT) -> Iterator[Path]:
    """The files as they are now, committed or not, without what git ignores; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary_folder())).resolve()
    folder.chmod(0o711)  # PostgreSQL, which refuses to run as root, gets to its data
    try:
        for name in files_of(checkout):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, folder / name)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def files_of(checkout: Path) -> list[str]:
    """Raises CalledProcessError outside a git checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and (checkout / name).is_file()]
