"""The environment, completed from dotenv files: what is set in the process always wins."""

from __future__ import annotations

import os
import re
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values

PLAIN = re.compile(r"[0-9]+(\.[0-9]+)?")
TRUE = {"1", "true", "yes", "on"}


class Environment:
    def __init__(self, base: Path, files: str) -> None:
        self.values: dict[str, str] = {}
        for name in reversed([name for name in files.split(":") if name]):
            found = dotenv_values(base / name, interpolate=False)
            self.values |= {key: value or "" for key, value in found.items()}
        self.values |= os.environ

    def text(self, name: str, default: str = "") -> str:
        return self.values.get(name) or default

    def required(self, name: str, why: str) -> str:
        """The value; raises ImproperlyConfigured with one clear sentence without it."""
        value = self.text(name)
        if not value:
            raise ImproperlyConfigured(
                f"{name} is not set: {why} Start the development stack with `make run`, "
                f"or set it in the environment or in .env (see .env.example)."
            )
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        text = self.text(name)
        return text.lower() in TRUE if text else default

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name, str(default)))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} is not a whole number.") from error

    def amounts(self, name: str, default: str) -> dict[str, str]:
        """Plain amounts by currency: "USD=1000,*=0"."""
        pairs = [item.partition("=") for item in self.items(name, default)]
        for currency, _, amount in pairs:
            if not PLAIN.fullmatch(amount):
                raise ImproperlyConfigured(f"{name}: {currency}={amount} is not like USD=1000.")
        return {currency: amount for currency, _, amount in pairs}

    def items(self, name: str, default: str = "") -> list[str]:
        return [item.strip() for item in self.text(name, default).split(",") if item.strip()]
