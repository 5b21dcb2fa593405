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
        have, want = money.to_decimal(amount, currency), money.to_decimal(shared, currency)
        super().__init__(f"The shares sum to {want}, the amount is {have} {currency}.")


def basis_points(text: str) -> int:
    """ "12.5" is 1250. Raises InvalidPercentage."""
    match = PERCENTAGE.fullmatch(text)
    points = int(match[1] + (match[2] or "").ljust(2, "0")) if match else 0
    if not 0 < points <= money.BASIS_POINTS:
        raise InvalidPercentage("A number above 0, to 100, with at most two decimals.")
    return points


def percentage_text(points: int) -> str:
    """1250 is "12.5"."""
    whole, fraction = divmod(points, 100)
    return f"{whole}.{fraction:02d}".rstrip("0").rstrip(".")


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


def merge(parts: Sequence[Sequence[Share]]) -> list[Share]:
    """Each recipient's shares of all parts in one; the parts have the same recipients in order."""
    return [
        Share(recipient=column[0]["recipient"], amount=sum(share["amount"] for share in column))
        for column in zip(*parts, strict=True)
    ]


def _share(rule: Instruction, amount: int, currency: str) -> int:
    if "amount" in rule:
        return money.parse(rule["amount"], currency)
    return money.floor_share(amount, basis_points(rule["percentage"]))


def allocate(shares: Sequence[Share], amounts: Sequence[int]) -> list[list[Share]]:
    """The shares of each part, in proportion: exact for each recipient over all parts, and in each
    part together at most the part.

    A part's total is cumulative; in it everyone gets the floor of their proportion, and single
    units go to whoever is furthest behind. Shares of 5 and 5 over parts of 3, 3 and 4: the parts
    have 3, 3 and 4, the first 1 and 1 with a unit left, which goes to the first (2, 1), the second
    to who is behind (1, 2), the last (2, 2).
    """
    whole, so_far = sum(amounts), 0
    wanted = [share["amount"] for share in shares]
    given = [0] * len(shares)
    parts = []
    for amount, total in zip(amounts, money.allocate(sum(wanted), amounts), strict=True):
        so_far += amount
        cells = [amount * want // whole for want in wanted]
        for _ in range(total - sum(cells)):
            behind = [
                so_far * want - (had + cell) * whole
                for want, had, cell in zip(wanted, given, cells, strict=True)
            ]
            cells[behind.index(max(behind))] += 1
        given = [had + cell for had, cell in zip(given, cells, strict=True)]
        parts.append(cells)
    return [
        [
            Share(recipient=share["recipient"], amount=cell)
            for share, cell in zip(shares, cells, strict=True)
        ]
        for cells in parts
    ]


def reversal(
    wanted: Sequence[int], whole: int, *, returned: int, given_back: Sequence[int], amount: int
) -> list[int]:
    """What each share of `wanted` gives back when `amount` more of `whole` goes back.

    `returned` is what went back before, `given_back` what each gave for it. Cumulative
    and in proportion: together never more than `amount`, none more than the share, and exact
    when all of `whole` has gone back, in whatever steps, failed ones in between included.

    A share of 100 in 300 that goes back in three steps of 100: 33, 33, 34. Had the second failed
    and been taken back, `given_back` would say 33, and the next step of 100 give 33 again.
    """
    upto = returned + amount
    behind = [
        want * upto - had * whole for want, had in zip(wanted, given_back, strict=True)
    ]  # in units of 1/whole
    total = sum(wanted) * upto // whole - sum(given_back)
    total = min(max(total, 0), amount)
    cells = [max(gap, 0) // whole for gap in behind]
    room = [want - had for want, had in zip(wanted, given_back, strict=True)]
    while (spare := total - sum(cells)) != 0:
        step = 1 if spare > 0 else -1
        able = [i for i, cell in enumerate(cells) if (cell < room[i] if step > 0 else cell > 0)]
        place = max(able, key=lambda i: step * (behind[i] - cells[i] * whole))
        cells[place] += step
    return cells
