"""Rows outlive their currency: made while its code was current, collected to their end after it."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.urls import reverse

from charges import card_money
from charges.models import Charge
from foundation.pages import RowAdmin
from installments.models import InstallmentOrder
from payments_project import invariants
from staff.tests.conftest import text
from staff.tests.test_lists import CHARGES, table
from wallets import money
from wallets.tests.steps import open_wallet

WITHDRAWN = ["BGN", "ANG", "KWD", "ISK", "MGA", "JPY", "ZZZ"]
"""Codes that ISO 4217 dropped, that it might drop, of every exponent, and one that never was."""
PAGES = [model for model, page in admin.site._registry.items() if isinstance(page, RowAdmin)]
WHOLE = 120_000
"""Minor units: in every step, above every minimum."""

pytestmark = pytest.mark.parametrize("currency", WITHDRAWN)


@pytest.fixture
def in_use(monkeypatch, currency):
    """`in_use(False)`: the currency is withdrawn from now on; it is current at the start."""
    others = {code: places for code, places in money.currencies().items() if code != currency}

    def change(is_current):
        codes = others | ({currency: money.exponent(currency)} if is_current else {})
        monkeypatch.setattr(money, "currencies", lambda: codes)

    change(True)
    return change


def said(minor, currency):
    return money.to_decimal(minor, currency)


@pytest.fixture
def order(api, sandbox, currency, in_use):
    """Half by wallet (all, where no card can be charged), in three parts; since withdrawn."""
    has_card = card_money.is_supported(currency)
    open_wallet(api, "ada", said(WHOLE // 2 if has_card else WHOLE, currency), currency)
    open_wallet(api, "seller", said(WHOLE, currency), currency)
    body = {
        "customer_id": "ada", "amount": said(WHOLE, currency), "currency": currency,
        "installment_count": 3, "split_instructions": [{"recipient": "seller", "percentage": "10"}],
        "late_fee": {"amount": said(WHOLE // 100, currency), "grace_days": 1},
    }  # fmt: skip
    card = {"payment_method": "pm_card_visa"} if has_card else {}
    made = api.post("/installments/orders", body | card)
    assert made.status_code == 201, made.json()
    in_use(False)
    return InstallmentOrder.objects.get()


@pytest.fixture
def paid(api, order, currency):
    """Collected to its end, and a third given back."""
    answer = api.post(f"/installments/orders/{order.id}/pay-off")
    assert answer.json()["status"] == "completed", answer.json()
    charge = Charge.objects.get()
    made = api.post(f"/charges/{charge.id}/refunds", {"amount": said(WHOLE // 3, currency)})
    assert (made.status_code, made.json()["status"]) == (201, "succeeded"), made.json()
    return charge


def test_it_is_collected_and_refunded_to_the_last_unit(api, paid, currency):
    api.post(f"/charges/{paid.id}/refunds")

    shown = api.get(f"/charges/{paid.id}").json()

    assert (shown["amount_refunded"], shown["refund_status"]) == (said(WHOLE, currency), "full")


def test_both_sides_agree_and_all_invariants_hold(paid, sandbox, currency):
    out = StringIO()
    call_command("reconcile_stripe", "--json", stdout=out)

    assert json.loads(out.getvalue())["differences"] == []
    assert {found.invariant for found in invariants.prove() if found.rows} == set()


def test_no_new_row_is_in_it(api, paid, currency):
    answer = api.post("/charges", {"customer_id": "ada", "amount": "10", "currency": currency})

    assert answer.json()["errors"][0]["code"] == "unknown_currency"


def test_the_api_lists_and_shows_it(api, paid, order, currency):
    lists = [
        "/wallets", "/wallets/ada/ledger", "/charges", f"/charges/{paid.id}/refunds",
        "/installments/orders", f"/installments/orders/{order.id}/installments", "/events",
        "/webhooks",
    ]  # fmt: skip
    objects = [
        "/wallets/ada", f"/charges/{paid.id}", f"/charges/{paid.id}/timeline",
        f"/installments/orders/{order.id}",
    ]  # fmt: skip

    for path in [*lists, *objects]:
        assert api.get(path).status_code == 200, path
    assert api.get("/charges").json()["results"][0]["amount"] == said(WHOLE, currency)
    assert api.get("/wallets", currency=currency).json()["results"]


def test_staff_see_it_on_every_page(root, paid, currency):
    for model in PAGES:
        meta = model._meta
        listed = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        assert root.get(listed).status_code == 200, listed
        for row in model._default_manager.all()[:3]:
            assert root.page(row).status_code == 200, row
    text(root.get("/admin/"))


def test_staff_export_it(root, paid, currency):
    for model in PAGES:
        meta = model._meta
        listed = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        assert root.get(f"{listed}export").status_code == 200, listed
    (row,) = table(root.get(f"{CHARGES}export", currency=currency))
    assert (row["amount"], row["currency"]) == (said(WHOLE, currency), currency)


def test_staff_find_it_by_its_amount(root, paid, currency):
    found = root.get(CHARGES, amount_from=said(WHOLE, currency)).context["cl"].result_list
    above = root.get(CHARGES, amount_from=said(WHOLE + 1, currency)).context["cl"].result_list

    assert (len(found), len(above)) == (1, 0)


def test_commands_speak_of_it(paid, currency):
    out = StringIO()

    call_command("explain_charge", str(paid.id), stdout=out)
    call_command("process_due_installments", "--dry-run", stdout=out)

    assert said(WHOLE, currency) in out.getvalue()
