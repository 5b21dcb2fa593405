"""Split instructions: from a rule (what the partner asked) to shares (what is posted). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from wallets import money

MAX_RECIPIENTS = 20
PERCENTAGE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?")


class Instruction(TypedDict, total=False):
    """As sent: `amount` or `percentage`, as text."""

    recipient: str
    amount: str
    percentage: str


class Share(TypedDict):
    """A recipient's part, in minor units."""

    recipient: str
    amount: int


class InvalidPercentage(Exception):
    """Not a number above 0, to 100, with at most two decimals."""


class SplitExceedsAmount(Exception):
    """The shares are together more than the amount."""

    def __init__(self, shared: int, amount: int, currency: str) -> None:
        have, want = money.text(amount, currency), money.text(shared, currency)
        super().__init__(f"The shares sum to {want}, the amount is {have} {currency}.")


def basis_points(text: str) -> int:
    """ "12.5" is 1250. Raises InvalidPercentage."""
    match = PERCENTAGE.fullmatch(text)
    points = int(match[1] + (match[2] or "").ljust(2, "0")) if match else 0
    if not 0 < points <= money.BASIS_POINTS:
        raise InvalidPercentage("A number above 0, to 100, with at most two decimals.")
    return points


def resolve(instructions: Sequence[Instruction], amount: int, currency: str) -> list[Share]:
    """The shares of a gross amount: fixed amounts as they are, percentages floored.

    Raises SplitExceedsAmount; what nobody gets is the partner's revenue.
    """
    shares = [
        Share(recipient=rule["recipient"], amount=_share(rule, amount, currency))
        for rule in instructions
    ]
    total = sum(share["amount"] for share in shares)
    if total > amount:
        raise SplitExceedsAmount(total, amount, currency)
    return shares


def _share(rule: Instruction, amount: int, currency: str) -> int:
    if "amount" in rule:
        return money.parse(rule["amount"], currency)
    return money.part(amount, basis_points(rule["percentage"]))


def over(shares: Sequence[Share], amounts: Sequence[int]) -> list[list[Share]]:
    """Each recipient's share over several parts, cumulatively, so that the whole is exact."""
    columns = [money.prorated(share["amount"], amounts) for share in shares]
    return [
        [
            Share(recipient=share["recipient"], amount=column[place])
            for share, column in zip(shares, columns, strict=True)
        ]
        for place in range(len(amounts))
    ]
