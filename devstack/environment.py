"""Where the stack of this checkout lives, what the user has set, what the stack chose."""

import os
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
STATE = CHECKOUT / ".devstack"

OFFLINE = {
    "ENV_FILES": "",
    "DEBUG": "0",
    "ALLOWED_HOSTS": "example.com",
    "DATABASE_URL": "postgres://app@127.0.0.1:1/none",
    "CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    "CELERY_RESULT_BACKEND": "redis://127.0.0.1:1/1",
    "CACHE_URL": "redis://127.0.0.1:1/2",
    "STRIPE_SECRET_KEY": "sk_test_lint",
    "STRIPE_WEBHOOK_SECRET": "whsec_lint",
}


def state_folder(path: Path = STATE) -> Path:
    """The state folder, made when absent.

    It can be entered but not listed by others: PostgreSQL, which refuses to run as root, has its
    data folder inside. Everything secret in it has a mode of its own.
    """
    path.mkdir(mode=0o711, exist_ok=True)
    return path


def private_folder(path: Path) -> Path:
    """`path` as a folder that only its owner can enter, made when absent."""
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def read_dotenv(path: Path) -> dict[str, str]:
    """The `KEY=value` lines of a file, quotes removed; empty when there is no file."""
    if not path.is_file():
        return {}
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {
        key.removeprefix("export ").strip(): value.strip().strip("\"'") for key, _, value in pairs
    }


def write_private(path: Path, text: str) -> None:
    """`path` holds `text`, readable for its owner only; a reader sees the old or the new, whole."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def write_dotenv(path: Path, values: Mapping[str, str]) -> None:
    write_private(path, "".join(f"{key}={value}\n" for key, value in values.items()))


def kept(state: Path, name: str, make: Callable[[], str]) -> str:
    """The secret called `name`: made at the first call, the same ever after."""
    path = state / name
    if not path.is_file():
        write_private(path, make() + "\n")
    return path.read_text().strip()


def webhook_secret() -> str:
    """A signing secret as Standard Webhooks writes it: `whsec_` and 32 random bytes in base64."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def api_key() -> str:
    """A partner's API key, `prefix.secret`: 12 lower-case letters or digits, 43 URL-safe ones."""
    return f"{secrets.token_hex(6)}.{secrets.token_urlsafe(32)}"


def given(checkout: Path = CHECKOUT) -> dict[str, str]:
    """What the user has set, in `.env` or, which wins, in the process environment."""
    values = {**read_dotenv(checkout / ".env"), **os.environ}
    return {key: value for key, value in values.items() if value}


def offline_settings() -> dict[str, str]:
    """Production-like settings that need no server: what `make lint` and `make migrations` use."""
    key = secrets.token_urlsafe(45)
    return {**OFFLINE, "SECRET_KEY": key, "WEBHOOK_SECRET": webhook_secret()}
