"""The one way in which wallets call upward: what whoever waits for money provides.

`settings.WALLET_CREDITED` names it; payments_project/wiring.py has mypy check that it fits.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from foundation.actors import Actor
from wallets.ledger import WalletKey


class WalletCredited(Protocol):
    """After the commit of a credit. An error is logged and harms nothing: a sweep comes too."""

    def __call__(self, *, customer: WalletKey, by: Actor, now: datetime) -> object: ...


def wallet_credited() -> WalletCredited:
    return cast("WalletCredited", import_string(settings.WALLET_CREDITED))
