"""What charges would do at today's balances: decided as they would be, nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from charges import deciding
from charges.models import Charge
from wallets.models import Wallet


class Legs(NamedTuple):
    """What wallet and card would pay of a charge, and what neither covers; in minor units."""

    wallet: int
    card: int
    short: int
    card_id: str


class Forecast:
    """Charges in the order in which they would be made, in any number of batches: each finds in the
    wallets what those before it left there.
    """

    def __init__(self) -> None:
        self._available: dict[UUID, int] = {}

    def of(self, charges: Sequence[Charge], *, now: datetime) -> list[Legs]:
        """The legs of each charge, which is pending and not saved."""
        partners, customers = zip(*set(deciding.wallet_keys(charges)), strict=True)
        wallets = {
            (wallet.partner_id, wallet.customer_id): wallet
            for wallet in Wallet.objects.filter(
                partner_id__in=set(partners), customer_id__in=set(customers)
            )
        }
        for wallet in wallets.values():
            self._available.setdefault(wallet.id, wallet.available)
        deciding.decide(charges, wallets, self._available, is_capped=True, now=now)
        return [_legs(charge) for charge in charges]


def _legs(charge: Charge) -> Legs:
    wallet, card = charge.wallet_amount, charge.external_amount
    return Legs(wallet, card, charge.amount - wallet - card, charge.card if card else "")
