"""The shared table of bad values: what no field of its class may accept."""

from __future__ import annotations

from rest_framework.serializers import ChoiceField, ListField

from charges.bodies import PaymentMethodIdField
from foundation.wire.serializers import (
    Body,
    CountField,
    FlagField,
    IdField,
    MetadataField,
    TextField,
)
from installments.bodies import DueDateField, TimezoneField
from payments_project.tests.conftest import Raw
from wallets.fields import AmountField, CurrencyField
from webhooks.serializers import MomentField

CARD = "4242424242424242"
DEEP = Raw("[" * 40 + "]" * 40)
EVERYWHERE = [
    "\x00", "a\x00b", "\ud800", "a\udfffb", CARD, "4242 4242 4242 4242", f"card {CARD}!",
    Raw("NaN"), Raw("Infinity"), Raw("-Infinity"), DEEP, {"\x00": 1}, Raw('{"a": 1, "a": 2}'),
]  # fmt: skip
NO_TEXT = [5, Raw("1.5"), True, False, [], {}, ["a"], {"a": "b"}]
TEXT = [*NO_TEXT, "\u202e", "\u2066", "\x07", "\x1b[31m", "\x7f"]
WORD = ["", " ", "nope", "'; DROP TABLE wallets_wallet; --", "<script>alert(1)</script>"]

BY_CLASS = {
    IdField: [*TEXT, *WORD[:2], *WORD[3:], "a b", "a/b", "é", "١٢", " a", "a\n", "x" * 65],
    PaymentMethodIdField: [*TEXT, *WORD, "card_1", "pm_", "PM_a", "pm_é", "pm_ a", "pm_a/../b"],
    TimezoneField: [*TEXT, *WORD, "Europe/berlin", "../../etc/passwd", "+02:00"],
    TextField: TEXT,
    CurrencyField: [*TEXT, *WORD, "usd", "US", "USDD", "XXX", "XAU", "USD ", "ＵＳＤ", "$"],
    AmountField: [
        True, False, [], {}, ["1"], *WORD, 0, -1, "0", "0.00", "-1", "-0", "+5", "5-", " 5", "5 ",
        "1e2", Raw("1e2"), Raw("1E+2"), Raw("-0.0"), Raw("0.0"), "1_000", "1,000", "1,5", "1'000",
        "١٢", "５", "0x10", "NaN", "Infinity", ".5", "5.", "5.5.5", "5\n", "½", "1.001",
        Raw("1.001"), Raw("19.990"), "9" * 40, 10**13, "10000000000.01", Raw("9" * 5000),
    ],
    FlagField: ["true", "True", "yes", "1", "", 1, 0, Raw("1.0"), [], {}],
    CountField: ["3", "", True, [], {}, Raw("3.0"), Raw("3e0"), 0, -1, 10**9, 2**63, Raw("9" * 99)],
    MetadataField: [
        "a", 5, True, [], [{}], {f"k{n}": n for n in range(51)}, {"a": "\x00"}, {"a": "\ud800"},
        {"\ud800": 1}, {"a": CARD}, {CARD: 1}, {"a": int(CARD)}, {"a": Raw(f"{CARD}.0")},
        {"a": {"b": [CARD]}}, {"a": Raw("NaN")}, {"a": Raw("1e400")}, {"a": Raw("-1e999")},
        {"a": DEEP},
    ],
    ChoiceField: [*NO_TEXT, *WORD, "MONTHLY", "monthly "],
    DueDateField: [
        *NO_TEXT, *WORD, "2099-13-01", "2099-02-30", "20990101", "2099-W01-1", "2099-1-1",
        "2099-001", "01/02/2099", "2099-01-01T00:00:00", "٢٠٩٩-٠١-٠١", "0000-01-01", "2001-01-01",
        "9999-12-31", "2099-01-01 ",
    ],
    Body: ["a", 5, True, [], [{}], {}, {"nope": "1.00"}],
    MomentField: [
        *NO_TEXT, *WORD, "2026-01-31", "2026-01-31T09:00:00", "2026-02-30T09:00:00Z", "20260131",
        "2026-01-31 09:00:00Z", "2026-01-31T25:00:00Z", "2026-W05-6T09:00Z", "1769850000",
        "2026-01-31T09:00:00Z ", "٢٠٢٦-٠١-٣١T09:00:00Z", "0000-01-01T00:00:00Z",
    ],
    ListField: ["a", 5, True, {}, {"a": 1}, [5], ["nope"], [None], [[]], [{}], [True]],
}  # fmt: skip


def bad_values(field):
    """What this field must refuse. Fails for a class that the table does not know."""
    known = next((cls for cls in type(field).__mro__ if cls in BY_CLASS), None)
    assert known, f"say in bad_values.py what a {type(field).__name__} refuses"
    values = [*EVERYWHERE, *BY_CLASS[known]]
    if known is CountField and field.min_value == 0:
        values = [value for value in values if value is True or value != 0]
    if not field.allow_null:
        values.append(None)
    if known is TextField and not field.allow_blank:
        values += ["", "  "]
    if limit := getattr(field, "max_length", None):
        values.append(["x"] * (limit + 1) if known is ListField else "x" * (limit + 1))
    if getattr(field, "max_value", None):
        values.append(field.max_value + 1)
    if getattr(field, "min_length", None):
        values.append([])
    return values


def places(body, example, path=()):
    """(path, field) of every field that the example gives, those of nested objects too."""
    for name, field in body().fields.items():
        if name not in example:
            continue
        yield (*path, name), field
        child = getattr(field, "child", None)
        if isinstance(child, Body):
            yield from places(type(child), example[name][0], (*path, name, 0))
        if isinstance(field, Body):
            yield from places(type(field), example[name], (*path, name))
