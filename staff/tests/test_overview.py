"""The overview: exact, per currency, every number with the list behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charges.models import Charge
from charges.tests.steps import charge as charge_by_api
from installments import tasks
from partners.models import Partner
from staff.tests.conftest import Browser, text
from webhooks import services as webhooks
from webhooks.models import Endpoint

HOME = "/admin/"


@pytest.fixture
def lively(api, sandbox):
    """Charges in two currencies, paid and failed; orders in several states, one past due."""
    for customer, currency in (("ada", "USD"), ("ben", "EUR")):
        api.post("/wallets", {"customer_id": customer, "currency": currency})
        api.post(f"/wallets/{customer}/credit", {"amount": "400.00"})
    api.post("/webhooks/endpoints", {"url": "http://127.0.0.1:9/"})
    charge_by_api(api, "100.00", currency="USD", payment_method="pm_card_visa", use_wallet=False)
    charge_by_api(api, "30.00", currency="USD")
    charge_by_api(api, "7.00", currency="EUR", customer_id="ben")
    charge_by_api(api, "60.00", currency="USD", use_wallet=False,
                  payment_method="pm_card_chargeDeclined")  # fmt: skip
    today = timezone.now().date()
    order = {"customer_id": "ada", "amount": "300.00", "installment_count": 3}
    api.post("/installments/orders", {**order, "first_due_date": today.isoformat()})
    broke = {**order, "customer_id": "chloe", "first_due_date": today.isoformat()}
    api.post("/installments/orders", broke)
    later = {**order, "first_due_date": (today + timedelta(days=9)).isoformat()}
    made = api.post("/installments/orders", later).json()
    api.post("/installments/orders", later)
    api.post(f"/installments/orders/{made['id']}/pause")
    tasks.sweep()
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        tasks.sweep()  # chloe's first part is overdue
    webhooks.deliver_due()
    return api


def overview(browser, **query):
    answer = browser.get(HOME, **query)
    assert answer.status_code == 200
    return answer.context["overview"]


def numbers(sections):
    """(where, count, link) of every number of the page that has one."""
    for money in [*sections["collected"], *sections["upcoming"]]:
        yield money["currency"], money["count"], money["url"]
    for money in sections["collected"]:
        yield "refunds", money["refunds"], money["refunds_url"]
    for name in ("states", "declines"):
        yield from sections["outcomes"][name]
    yield from sections["webhooks"]["states"]
    yield "failing", str(sections["webhooks"]["failing"]), sections["webhooks"]["failing_url"]
    for name in ("orders", "past_due"):
        yield from ((row[0], row[1], row[3]) for row in sections[name])
    for concern in sections["attention"]:
        yield concern["name"], concern["count"], concern["url"]


def test_every_number_leads_to_exactly_its_rows(root, lively, partner):
    Endpoint.objects.update(is_active=False, disabled_reason="Gone.")
    shown = list(numbers(overview(root))) + list(numbers(overview(root, partner=str(partner.pk))))

    found = {url: root.get(url).context["cl"].result_count for _, _, url in shown}

    assert len(shown) >= 30
    assert [(name, int(count), url) for name, count, url in shown] == [
        (name, found[url], url) for name, _, url in shown
    ]


def test_currencies_stand_side_by_side(root, lively):
    totals = {m["currency"]: (m["total"], m["wallet"], m["card"]) for m in
              overview(root)["collected"]}  # fmt: skip

    assert totals == {
        "USD": ("$230.00", "$130.00", "$100.00"), "EUR": ("€7.00", "€7.00", "€0.00"),
    }  # fmt: skip


def test_refunds_stand_beside_what_was_collected(root, lively):
    made = Charge.objects.filter(status="succeeded", currency="USD", wallet_amount=3000).get()
    lively.post(f"/charges/{made.id}/refunds", {"amount": "12.50"})

    shown = {m["currency"]: (m["total"], m["refunded"]) for m in overview(root)["collected"]}

    assert shown == {"USD": ("$230.00", "$12.50"), "EUR": ("€7.00", "€0.00")}


def test_the_rate_counts_what_ended(root, lively):
    made = Charge.objects.filter(created_at__lte=timezone.now())
    failed, succeeded = (made.filter(status=s).count() for s in ("failed", "succeeded"))

    assert overview(root)["outcomes"]["rate"] == (f"{100 * succeeded / (succeeded + failed):.1f} %")


def test_what_is_past_due_stands_by_age(root, lively):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE installments_installment SET due_date = due_date - 45 "
                       "WHERE status = 'overdue'")  # fmt: skip

    rows = [(age, count, amount) for age, count, amount, _ in overview(root)["past_due"]]

    assert rows == [("31 to 90 days", "1", "$100.00")]


def test_another_partner_sees_nothing_of_it(root, lively):
    other = Partner.objects.create(name="Other", created_at=timezone.now())

    sections = overview(root, partner=str(other.pk))

    assert (sections["collected"], sections["orders"], sections["past_due"]) == ([], [], [])
    assert sections["outcomes"]["rate"] == "-"


def test_an_empty_house_says_what_to_do(root):
    shown = text(root.get(HOME))

    assert "Nothing waits for a person." in shown
    assert "as soon as a partner calls" in shown
    assert "No sweep has run yet" in shown


@pytest.mark.parametrize("query", [{"period": "x"}, {"partner": "x"}, {"period": "-1"}])
def test_a_choice_without_sense_is_the_usual(root, lively, query):
    assert overview(root, **query)["collected"] == overview(root)["collected"]


def test_each_sees_the_sections_of_their_lists(lively):
    user = User.objects.create_user("ida", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_delivery"))

    assert set(overview(Browser(user))) == {"attention", "webhooks"}


def test_more_rows_ask_no_more_queries(root, lively):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            root.get(HOME)
        return len(captured)

    queries()
    few = queries()
    for _ in range(3):
        charge_by_api(lively, "5.00")

    assert queries() == few
    assert few < 30
