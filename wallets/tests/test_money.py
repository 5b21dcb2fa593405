from __future__ import annotations

import iso4217
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.serializers import ValidationError

from wallets import money
from wallets.fields import CurrencyField

MINOR = st.integers(1, money.MAX_MINOR)
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD"])
quick = settings(deadline=None, max_examples=100)


@quick
@given(MINOR, CURRENCIES)
def test_parse_reads_back_what_text_wrote(minor, currency):
    assert money.parse(money.to_decimal(minor, currency), currency) == minor


def test_every_currency_reads_back_one_minor_unit():
    assert all(money.parse(money.to_decimal(1, code), code) == 1 for code in money.currencies())


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("19.99", "USD", 1999),
        ("19.9", "USD", 1990),
        ("19", "USD", 1900),
        ("0.01", "USD", 1),
        ("500", "JPY", 500),
        ("1.250", "KWD", 1250),
        ("1.25", "KWD", 1250),
        ("10000000000.00", "USD", 10**12),
    ],
)
def test_parse_is_exact(text, currency, minor):
    assert money.parse(text, currency) == minor


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1999, "USD", "19.99"), (500, "JPY", "500"), (1250, "KWD", "1.250"), (-5, "USD", "-0.05")],
)
def test_text_is_at_the_exponent_of_the_currency(minor, currency, text):
    assert money.to_decimal(minor, currency) == text


@quick
@given(MINOR)
def test_every_cent_is_its_own_text(minor):
    assert money.to_decimal(minor, "USD") == f"{minor // 100}.{minor % 100:02d}"


@quick
@given(st.text(max_size=12))
def test_parse_takes_nothing_but_plain_decimals(text):
    try:
        minor = money.parse(text, "USD")
    except (money.InvalidAmount, money.AmountPrecision):
        return
    assert text.isascii()
    assert text.replace(".", "", 1).isdigit()
    assert minor > 0


@pytest.mark.parametrize(
    ("text", "currency"), [("0.001", "USD"), ("1.0", "JPY"), ("1.2345", "KWD"), ("1.000", "USD")]
)
def test_more_decimals_than_the_currency_has_are_refused(text, currency):
    with pytest.raises(money.AmountPrecision):
        money.parse(text, currency)


@pytest.mark.parametrize(
    "text",
    [
        "0", "0.00", "-0", "-1", "+1", "1e2", "1E+2", "", " ", " 5 ", "5 ", "5\n", "1_000", "1,000",
        "\u0661\u0662", "\uff11", "\u00b2", ".5", "5.", ".", "1.2.3", "0x10", "NaN", "Infinity",
        "10000000000.01", "10000000001", "1" * 40, "0" * 40 + "1",
    ],
)  # fmt: skip
def test_what_is_no_positive_plain_decimal_is_refused(text):
    with pytest.raises(money.InvalidAmount):
        money.parse(text, "USD")


@quick
@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**10), min_size=1, max_size=60))
def test_prorated_parts_sum_to_the_whole(total, amounts):
    assert sum(money.allocate(total, amounts)) == total


@quick
@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**10), min_size=1, max_size=60))
def test_prorated_parts_are_each_within_a_unit_of_their_proportion(total, amounts):
    whole = sum(amounts)
    for part, amount in zip(money.allocate(total, amounts), amounts, strict=True):
        assert abs(part * whole - total * amount) < whole


@quick
@given(st.integers(0, 10**12), st.lists(st.integers(1, 10**10), min_size=1, max_size=60))
def test_prorated_parts_are_never_negative(total, amounts):
    assert min(money.allocate(total, amounts)) >= 0


@pytest.mark.parametrize(
    ("amount", "basis_points", "part"), [(999, 1250, 124), (100, 10_000, 100), (1, 9_999, 0)]
)
def test_a_percentage_is_floored(amount, basis_points, part):
    assert money.floor_share(amount, basis_points) == part


def test_money_is_spoken_with_its_currency():
    assert money.with_code(1999, "USD") == "19.99 USD"


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1999, "BGN", "19.99"), (1999, "ANG", "19.99"), (1999, "HRK", "19.99"),
        (1999, "SLL", "19.99"), (1999, "ITL", "1999"), (1999, "BYR", "1999"), (5, "ZZZ", "0.05"),
    ],
)  # fmt: skip
def test_an_amount_is_read_after_its_currency_was_withdrawn(minor, currency, text):
    assert currency not in money.currencies()
    assert (money.to_decimal(minor, currency), money.parse(text, currency)) == (text, minor)


def test_the_exponent_of_no_code_in_use_is_lost_when_it_is_withdrawn(monkeypatch):
    in_use = {code.code: code.exponent for code in iso4217.Currency if code.exponent is not None}
    monkeypatch.setattr(money, "currencies", dict)

    assert {code: money.exponent(code) for code in in_use} == in_use


def test_a_withdrawn_currency_is_none_for_new_rows():
    with pytest.raises(ValidationError):
        CurrencyField().run_validation("BGN")
