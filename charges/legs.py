"""How a charge falls into a wallet leg and a card leg. Pure.

Stripe refuses card payments below a minimum per currency (docs.stripe.com/currencies,
"Minimum and maximum charge amounts"); elsewhere we ask for at least 1 minor unit. Amounts of
three-decimal currencies must end in 0 (ibid., "Three-decimal currencies").
"""

from __future__ import annotations

from typing import NamedTuple

from wallets import money

MINIMUM = {
    "USD": 50, "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500,
    "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000,
    "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000,
}  # fmt: skip


class Legs(NamedTuple):
    wallet: int
    card: int


def divide(amount: int, *, available: int, currency: str, has_card: bool) -> Legs | None:
    """The wallet first, the rest by card; None when they cannot cover the amount.

    A card leg below the processor's minimum, or not in its steps, takes from the wallet leg what
    it lacks.
    """
    wallet = min(available, amount)
    if wallet == amount:
        return Legs(wallet, 0)
    if not has_card:
        return None
    step = card_step(currency)
    least = max(amount - wallet, min(MINIMUM.get(currency, 1), amount))
    card = -(-least // step) * step
    return Legs(amount - card, card) if card <= amount else None


def card_step(currency: str) -> int:
    """Cards take multiples of so many minor units."""
    return 10 if money.exponent(currency) == 3 else 1


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
    step = card_step(currency)
    card = min(amount, card_left) // step * step
    wallet = amount - card
    if wallet > (wallet_left if refund_to == "auto" else 0):
        return None
    return Returns(card, wallet, card)
