"""Money: integers of a currency's minor unit. Pure: no Django, no clock, no float, no Decimal.

Exponents come from the ISO 4217 table of the `iso4217` package; of codes that it lists no more,
from the few that are kept here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import iso4217

MAX_MINOR = 10**12
EXPONENTS = (0, 2, 3)
USUAL = 2
UNUSUAL = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
            "ADP",
            "BEF",
            "BYB",
            "BYR",
            "ESP",
            "GRD",
            "ITL",
            "LUF",
            "MGF",
            "PTE",
            "TPE",
            "TRL",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
"""Exponents other than 2 of all codes that are or were in use (ISO 4217 tables A.1 and A.3, as in
OpenJDK's currency.properties): what an amount was written with is known after its currency is
gone. A test demands those of every release of the package."""
PLAIN = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
BASIS_POINTS = 10_000


class InvalidAmount(Exception):
    """The text is no positive plain decimal, or above 10^12 minor units."""


class AmountPrecision(Exception):
    """More decimals than the currency has."""

    def __init__(self, currency: str) -> None:
        super().__init__(f"{currency} has {exponent(currency)} decimals.")


@cache
def currencies() -> dict[str, int]:
    """ISO 4217 codes in use and their exponents: what a new row may be in."""
    return {c.code: c.exponent for c in iso4217.Currency if c.exponent in EXPONENTS}


def exponents() -> dict[str, int]:
    """Of all codes, in use or not, those whose exponent may be another than USUAL."""
    return UNUSUAL | currencies()


def exponent(currency: str) -> int:
    """Of any code, one that was withdrawn too: rows outlive their currency."""
    known = currencies().get(currency)
    return UNUSUAL.get(currency, USUAL) if known is None else known


def parse(text: str, currency: str) -> int:
    """Minor units of a plain decimal, exactly: ("19.99", "USD") is 1999.

    Raises InvalidAmount, AmountPrecision.
    """
    match = PLAIN.fullmatch(text) if len(text) <= 32 else None
    if match is None:
        raise InvalidAmount("A positive number in plain notation, like 19.99.")
    whole, fraction = match[1], match[2] or ""
    places = exponent(currency)
    if len(fraction) > places:
        raise AmountPrecision(currency)
    minor = int(whole + fraction.ljust(places, "0"))
    if minor <= 0:
        raise InvalidAmount("More than zero.")
    if minor > MAX_MINOR:
        raise InvalidAmount("At most 10^12 minor units.")
    return minor


def to_decimal(minor: int, currency: str) -> str:
    """The decimal string at the currency's exponent: (1999, "USD") is "19.99"."""
    places = exponent(currency)
    if places == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    whole, fraction = divmod(abs(minor), 10**places)
    return f"{sign}{whole}.{fraction:0{places}d}"


def with_code(minor: int, currency: str) -> str:
    """For people: (1999, "USD") is "19.99 USD"."""
    return f"{to_decimal(minor, currency)} {currency}"


def floor_share(amount: int, basis_points: int) -> int:
    """So many basis points of the amount, floored."""
    return amount * basis_points // BASIS_POINTS


def allocate(total: int, amounts: Sequence[int]) -> list[int]:
    """`total` shared over `amounts` in proportion, cumulatively floored: the sum is exact.

    10 over three equal amounts: 3, then 6 in all, then 10 in all, so [3, 3, 4].
    """
    whole = sum(amounts)
    shared, so_far, parts = 0, 0, []
    for amount in amounts:
        so_far += amount
        upto = total * so_far // whole
        parts.append(upto - shared)
        shared = upto
    return parts
