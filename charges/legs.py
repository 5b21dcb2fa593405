"""How a charge falls into a wallet leg and a card leg, in amounts that a card can take. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from charges import card_money


class NoCardLeg(StrEnum):
    """Why no card can pay what the wallet does not: failure codes (charges/declines.py)."""

    CURRENCY = "card_currency_unsupported"
    AMOUNT = "card_amount_unsupported"
    TOO_LARGE = "amount_too_large"


class Legs(NamedTuple):
    wallet: int
    card: int


def divide(amount: int, *, available: int, currency: str, has_card: bool) -> Legs | None:
    """The wallet first, the rest by card; None when they cannot cover the amount.

    A card leg below the processor's minimum, or not in its steps, takes from the wallet leg what
    it lacks: of 10.00 with 9.80 in the wallet the card would pay 0.20, and takes 0.50 at least, so
    the wallet pays 9.50.
    """
    wallet = min(available, amount)
    if wallet == amount:
        return Legs(wallet, 0)
    if not has_card or no_card_leg(amount, available=available, currency=currency):
        return None
    card = _card_leg(amount, wallet, currency)
    return Legs(amount - card, card)


def no_card_leg(amount: int, *, available: int, currency: str) -> NoCardLeg | None:
    """Why a card cannot pay what the wallet leaves of the amount; None when it can be asked."""
    if not card_money.is_supported(currency):
        return NoCardLeg.CURRENCY
    card = _card_leg(amount, min(available, amount), currency)
    if card > amount:
        return NoCardLeg.AMOUNT
    return NoCardLeg.TOO_LARGE if card > card_money.maximum(currency) else None


def _card_leg(amount: int, wallet: int, currency: str) -> int:
    """The least multiple of the card's step that covers the rest, and the minimum if it can."""
    step = card_money.step(currency)
    least = max(amount - wallet, min(card_money.minimum(currency), amount))
    return -(-least // step) * step


class Returns(NamedTuple):
    """What a refund pays to the card and into the wallet, and how much of the card leg that is."""

    card: int
    wallet: int
    card_leg: int


def divide_refund(
    amount: int, *, refund_to: str, card_left: int, wallet_left: int, currency: str
) -> Returns | None:
    """`auto` returns each leg to where it came from, the card first; `card` only to the card;
    `wallet` everything into the wallet, the wallet leg first. None when too little is left.
    """
    if refund_to == "wallet":
        leg = max(amount - wallet_left, 0)
        return Returns(0, amount, leg) if leg <= card_left else None
    step = card_money.step(currency)
    card = min(amount, card_left) // step * step
    wallet = amount - card
    if wallet > (wallet_left if refund_to == "auto" else 0):
        return None
    return Returns(card, wallet, card)
