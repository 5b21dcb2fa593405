"""What being late costs, where an order says so. Pure."""

from __future__ import annotations

from typing import TypedDict

from charges import card_money, splits
from wallets import money


class LateFee(TypedDict):
    """Terms as agreed: an `amount` or a `percentage` of the part, once for each part that is unpaid
    `grace_days` after it became overdue; all of an order together at most the `cap`."""

    amount: str | None
    percentage: str | None
    grace_days: int
    cap: str | None


def of(terms: LateFee, part: int, *, so_far: int, currency: str) -> int:
    """The fee of a late part, in minor units; `so_far` are the order's other fees. It is floored to
    what cards take (charges/card_money.py), or a card could never pay the part.
    """
    if terms["amount"] is not None:
        fee = money.parse(terms["amount"], currency)
    else:
        fee = money.floor_share(part, splits.basis_points(terms["percentage"] or ""))
    if terms["cap"] is not None:
        fee = max(min(fee, money.parse(terms["cap"], currency) - so_far), 0)
    return fee - fee % card_money.step(currency)
