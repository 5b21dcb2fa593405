"""How tests of the sandbox ask for cards."""

from typing import Any

CARD_ONLY: Any = {"enabled": True, "allow_redirects": "never"}
