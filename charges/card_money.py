"""What the card processor makes of amounts: its units, steps, limits, currencies. Pure.

Stripe counts most currencies in the minor unit of ISO 4217, as we do. The tables below are where
it does not, from https://docs.stripe.com/currencies ("Zero-decimal currencies", "Three-decimal
currencies", "Special cases", "Minimum and maximum charge amounts").
"""

from __future__ import annotations

from wallets import money

CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD
    GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK
    LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD
    OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STD
    SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER
    ZAR ZMW
"""
SUPPORTED = frozenset(CODES.split())
"""Others have no card leg, so that none is charged in units that nobody has looked up."""
DECIMALS = {"ISK": 2, "UGX": 2, "MGA": 0}
"""Decimals of Stripe's units where ISO 4217 says otherwise: 5 ISK are 500 there, 5.00 MGA are 5."""
LAST_DIGIT_IS_ZERO = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
MINIMUM = {
    "USD": 50,
    "AED": 200,
    "ARS": 50,
    "AUD": 50,
    "BGN": 100,
    "BRL": 50,
    "CAD": 50,
    "CHF": 50,
    "COP": 50,
    "CZK": 1500,
    "DKK": 250,
    "EUR": 50,
    "GBP": 30,
    "HKD": 400,
    "HUF": 17500,
    "IDR": 50,
    "ILS": 50,
    "INR": 50,
    "JPY": 50,
    "KRW": 50,
    "MXN": 1000,
    "MYR": 200,
    "NOK": 300,
    "NZD": 50,
    "PHP": 50,
    "PLN": 200,
    "RON": 200,
    "RUB": 50,
    "SEK": 300,
    "SGD": 50,
    "THB": 1000,
    "ZAR": 50,
}
"""In minor units. Elsewhere the minimum is that of the account's own currency at the day's rate,
which the processor alone knows."""
MOST_UNITS = 999_999_999_999
"""Twelve digits, the most that any card payment may have; below, the processor decides."""


class Inexpressible(ValueError):
    """The amount lies between two that the other side can say."""


def is_supported(currency: str) -> bool:
    """Whether cards can be charged in it at all."""
    return currency in SUPPORTED


def to_processor(minor: int, currency: str) -> int:
    """The processor's units of so many minor units, exactly: (5, "ISK") is 500.

    Raises Inexpressible.
    """
    if minor % step(currency):
        raise Inexpressible(f"No card takes {money.with_code(minor, currency)}.")
    more, less = _factors(currency)
    return minor * more // less


def from_processor(units: int, currency: str) -> int:
    """Minor units of what the processor said, exactly: (500, "ISK") is 5.

    Raises Inexpressible.
    """
    more, less = _factors(currency)
    minor, rest = divmod(units * less, more)
    if rest:
        raise Inexpressible(f"{units} of the processor's units are no whole amount in {currency}.")
    return minor


def step(currency: str) -> int:
    """Cards take multiples of so many minor units."""
    return 10 if currency in LAST_DIGIT_IS_ZERO else _factors(currency)[1]


def minimum(currency: str) -> int:
    """The least that a card can be charged, in minor units, as far as it is known before."""
    return MINIMUM.get(currency, step(currency))


def maximum(currency: str) -> int:
    """The most that a card can be charged, in minor units, as far as it is known before."""
    more, less = _factors(currency)
    most = MOST_UNITS * less // more
    return most - most % step(currency)


def _factors(currency: str) -> tuple[int, int]:
    """(a, b): the processor's units are the minor units times a, divided by b."""
    ours = money.exponent(currency)
    theirs = DECIMALS.get(currency, ours)
    return 10 ** max(theirs - ours, 0), 10 ** max(ours - theirs, 0)
