"""Lists: as a file, by calendar, by amount."""

from __future__ import annotations

import csv
import io

import pytest
from django.contrib import admin
from django.urls import reverse

from foundation.pages import RowAdmin
from foundation.pages.exporting import safe
from staff.models import AuditEntry
from staff.tests.conftest import text

WALLETS = "/admin/wallets/wallet/"
POSTINGS = "/admin/wallets/ledgertransaction/"
CHARGES = "/admin/charges/charge/"


def table(answer):
    assert answer.status_code == 200, answer
    content = b"".join(answer.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+49 30", "'+49 30"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("-5.00", "-5.00"), ("12", "12"), ("ada", "ada"),
        ("-", "'-"), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(text, cell):
    assert safe(text) == cell


def test_a_list_is_a_file_with_whole_ids_plain_amounts_and_currencies(fay, wallet):
    (row,) = table(fay.get(f"{WALLETS}export"))

    assert (row["customer"], row["balance"], row["currency"]) == ("ada", "5000.00", "USD")
    assert row["state"] == "active"


def test_text_of_partners_never_starts_a_formula_in_a_file(fay, api, wallet):
    api.post("/wallets/ada/credit", {"amount": "1.00", "description": '=HYPERLINK("http://x")'})

    rows = table(fay.get(f"{POSTINGS}export"))

    assert rows[0]["description"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["amount"] == "1.00"


def test_the_file_has_what_the_filters_left(fay, api, wallet):
    for customer in ("ben", "chloe"):
        api.post("/wallets", {"customer_id": customer})

    rows = table(fay.get(f"{WALLETS}export", q="chlo"))

    assert [row["customer"] for row in rows] == ["chloe"]


def test_the_file_has_more_than_a_page(fay, api):
    for number in range(60):
        api.post("/wallets", {"customer_id": f"c{number}"})

    assert len(table(fay.get(f"{WALLETS}export"))) == 60


def test_a_file_is_for_those_who_may_and_on_record(person, wallet):
    ida, jo = person("ida", "auditor"), person("jo", "support")

    assert jo.get(f"{WALLETS}export").status_code == 403
    assert "Export CSV" not in text(jo.get(WALLETS))
    assert "Export CSV" in text(ida.get(WALLETS))
    table(ida.get(f"{WALLETS}export", q="ada"))
    entry = AuditEntry.objects.get(action="export")
    assert (entry.actor, entry.summary) == ("staff:ida", "Exported wallets: q=ada")


@pytest.mark.parametrize(
    "model",
    [model for model, page in admin.site._registry.items() if isinstance(page, RowAdmin)],
    ids=lambda model: model._meta.label,
)
def test_each_list_can_be_exported(root, model, charge):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_export"

    rows = table(root.get(reverse(name)))

    assert len(rows) == model._default_manager.count()
    assert not any("<" in cell for row in rows for cell in row.values() if cell)


def links(answer):
    return {step["name"]: step["url"] for step in answer.context["drill"]["below"]}


def test_the_calendar_leads_from_years_to_days(fay, charge):
    year, month, day = (charge.created_at.strftime(form) for form in ("%Y", "%b", "%-d"))

    years = fay.get(CHARGES)
    months = fay.get(CHARGES + links(years)[year])
    days = fay.get(CHARGES + links(months)[month])
    one = fay.get(CHARGES + links(days)[day])

    assert {row.pk for row in one.context["cl"].result_list} == {charge.pk}
    assert set(links(years)) == {year}
    names = [step["name"] for step in one.context["drill"]["path"]]
    assert names == ["All dates", year, charge.created_at.strftime("%B")]


def test_another_month_is_empty(fay, charge):
    shown = fay.get(CHARGES, created_at_from="2020-02-01", created_at_to="2020-02-29")

    assert list(shown.context["cl"].result_list) == []
    assert shown.context["drill"]["here"] == "February"
    assert len(shown.context["drill"]["below"]) == 29


def test_a_day_that_is_none_matches_nothing_and_says_so(fay, charge):
    shown = fay.get(CHARGES, created_at_from="24.11.2026")

    assert list(shown.context["cl"].result_list) == []
    assert "24.11.2026 is not a date like 2026-12-31" in text(shown)


def test_a_file_of_charges_has_their_legs_and_intent(fay, charge):
    (row,) = table(fay.get(f"{CHARGES}export"))

    assert (row["by wallet"], row["by card"], row["refunded"]) == ("50.00", "100.00", "0.00")
    assert row["external charge id"] == charge.external_charge_id


@pytest.mark.parametrize("query", ["foo=bar", "partner__id__exact=x", "is_active__exact=zz"])
def test_a_file_with_filters_without_sense_is_no_error(fay, wallet, query):
    assert fay.get(f"{WALLETS}export?{query}").status_code in (200, 302)


@pytest.mark.parametrize("query", ["created_at_from=x", "created_at_from=9999-12-31", "p=9"])
def test_a_period_without_sense_is_no_error(fay, charge, query):
    assert fay.get(f"{CHARGES}?{query}").status_code in (200, 302)


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"amount_from": "150"}, True), ({"amount_from": "150.01"}, False),
        ({"amount_to": "150.00"}, True), ({"amount_to": "149.99"}, False),
        ({"amount_from": "1", "amount_to": "200"}, True),
    ],
)  # fmt: skip
def test_charges_are_found_by_their_amount(fay, charge, edges, found):
    shown = fay.get(CHARGES, **edges).context["cl"].result_list

    assert bool(list(shown)) == found
