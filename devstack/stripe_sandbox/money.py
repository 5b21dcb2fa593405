"""Currencies and amounts. https://docs.stripe.com/currencies"""

from __future__ import annotations

from devstack.stripe_sandbox.errors import invalid

CODES = """
    usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bif bmd bnd bob brl bsd bwp byn
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd
    gnf gtq gyd hkd hnl htg huf idr ils inr isk jmd jpy kes kgs khr kmf krw kyd kzt lak lbp lkr
    lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd pab pen
    pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs
    top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
    bhd jod kwd omr tnd
"""
CURRENCIES = frozenset(CODES.split())
ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
# Two decimals in amounts, none in what is charged ("Special cases" of the page).
WHOLE_UNITS = frozenset(("isk", "ugx"))

# Published minimum charges in minor units; elsewhere Stripe converts to the
# settlement currency, here one minor unit is enough.
MINIMUMS = {
    "usd": 50, "aed": 200, "ars": 50, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50,
    "cop": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500,
    "idr": 50, "ils": 50, "inr": 50, "jpy": 50, "krw": 50, "mxn": 1000, "myr": 200, "nok": 300,
    "nzd": 50, "php": 50, "pln": 200, "ron": 200, "rub": 50, "sek": 300, "sgd": 50, "thb": 1000,
    "zar": 50,
}  # fmt: skip
# Eight digits, as the reference of PaymentIntents says, and more where the page names them.
MAXIMUM = 99_999_999
MAXIMUMS = {
    "cop": 9_999_999_999, "huf": 9_999_999_999, "idr": 999_999_999_999, "inr": 999_999_999,
    "jpy": 9_999_999_999, "lbp": 99_999_999_999,
}  # fmt: skip


def check_currency(currency: str) -> None:
    """ApiError 400 unless it is a lower-case code that Stripe takes."""
    if currency not in CURRENCIES:
        supported = ", ".join(sorted(CURRENCIES))
        raise invalid(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            f"{supported}",
            "currency",
        )


def check_amount(amount: int, currency: str) -> None:
    """ApiError 400 unless it can be charged; `amount` in the currency's minor unit."""
    check_positive(amount, "amount")
    minimum = MINIMUMS.get(currency, 1)
    if amount < minimum:
        text = f"Amount must be at least {spoken(minimum, currency)}"
        raise invalid(text, "amount", "amount_too_small")
    maximum = MAXIMUMS.get(currency, MAXIMUM)
    if amount > maximum:
        text = f"Amount must be no more than {spoken(maximum, currency)}"
        raise invalid(text, "amount", "amount_too_large")
    check_steps(amount, currency)


def check_steps(amount: int, currency: str) -> None:
    """ApiError 400 for an amount between those that cards take, charged or refunded."""
    if currency in THREE_DECIMAL and amount % 10:
        text = f"Amounts in {currency} must end in 0: its third decimal cannot be charged"
        raise invalid(text, "amount")
    if currency in WHOLE_UNITS and amount % 100:
        # support.stripe.com/questions/deprecation-of-fractional-isk-charges-and-refunds
        text = (
            f"Invalid amount. Currency {currency.upper()} has become effectively zero-decimal "
            "and charged amounts must be evenly divisible by 100."
        )
        raise invalid(text, "amount", "invalid_charge_amount_no_decimal_compatible")


def check_positive(amount: int, param: str) -> None:
    if amount < 1:
        text = "This value must be greater than or equal to 1."
        raise invalid(text, param, "parameter_invalid_integer")


def major(amount: int, currency: str) -> str:
    """What an amount in the API's units is worth in whole units of the currency: `19.99`."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    whole, fraction = divmod(amount, 10**places)
    return f"{whole:,}.{fraction:0{places}d}" if places else f"{whole:,}"


def spoken(amount: int, currency: str) -> str:
    """An amount in the API's units as Stripe's messages write it, e.g. `$0.50 usd`."""
    sign = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency, "")
    return f"{sign}{major(amount, currency)} {currency}"
