"""A worked example: six monthly parts from 31 January in Berlin, through both clock changes.

The third is declined twice and then paid, the fourth is moved, the rest is paid off. Every event
is listed, in order.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from charges.models import Charge
from installments import services
from installments.planning import NewOrder, Rule
from installments.tests import stories
from installments.tests.stories import BY, VISA, revisions
from wallets.models import LedgerEntry, Wallet
from webhooks.models import Event

DECLINED = "pm_card_chargeDeclined"


def utc(text):
    return datetime.fromisoformat(f"2024-{text}").replace(tzinfo=UTC)


def run(text):
    stories.sweep(utc(text))
    stories.collect_cards()


def agree(partner, customer):
    new = NewOrder(
        customer, 60_000, "EUR",
        Rule(count=6, first_due_date=date(2024, 1, 31)),
        timezone="Europe/Berlin",
        payment_method=VISA,
        split_instructions=[{"recipient": "seller", "percentage": "7.77"}],
    )  # fmt: skip
    return services.create_order(
        partner_id=partner.id, new=new, idempotency_key="story", fingerprint="f", activate=True,
        by=BY, now=utc("01-02 12:00"),
    ).order  # fmt: skip


def told(order):
    """Every event of the order, its parts and charges: what, and of which part."""
    numbers = {part.id: part.installment_number for part in order.installments.all()}
    numbers |= {
        charge.id: numbers.get(charge.installment_id, "rest")
        for charge in Charge.objects.filter(installment_order_id=order.id)
    }
    found = Event.objects.filter(resource_id__in=[order.id, *numbers]).order_by("id")
    return [f"{event.type} {numbers.get(event.resource_id, '')}".strip() for event in found]


def test_six_months_in_berlin(partner, wallet, sandbox):
    wallet("seller", currency="EUR")
    wallet("ada", 15_000, currency="EUR")
    order = agree(partner, "ada")
    due = [part.due_at for part in order.installments.all()]
    assert due == [
        utc("01-31 08:00"), utc("02-29 08:00"), utc("03-31 07:00"),  # the clocks change that day
        utc("04-30 07:00"), utc("05-31 07:00"), utc("06-30 07:00"),
    ]  # fmt: skip

    run("01-28 08:00")  # three days before
    run("01-31 07:59")
    assert stories.charges_of(order).count() == 0
    run("01-31 08:00")
    run("02-26 08:00")
    run("02-29 08:00")  # 50.00 from the wallet, 50.00 from the card

    stories.change(order, utc("03-01 12:00"), payment_method=DECLINED)
    run("03-28 08:00")
    run("03-31 07:00")
    run("04-01 07:00")  # overdue, and declined again
    run("04-01 07:01")
    stories.change(order, utc("04-02 12:00"), payment_method=VISA)
    run("04-03 07:00")

    stories.reschedule(stories.part(order, 4), "2024-10-27", utc("04-10 12:00"))
    assert stories.part(order, 4).due_at == utc("10-27 08:00")  # and change back
    run("04-30 07:00")
    run("05-28 07:00")
    run("05-31 07:00")
    stories.pay_off(order, utc("06-10 12:00"))

    order.refresh_from_db()
    assert told(order) == [
        "installment_order.activated",
        "installment.due_soon 1",
        "charge.succeeded 1", "installment.paid 1",
        "installment.due_soon 2",
        "charge.succeeded 2", "installment.paid 2",
        "installment_order.revised",
        "installment.due_soon 3",
        "charge.failed 3",
        "charge.failed 3", "installment.overdue 3",
        "installment_order.revised",
        "charge.succeeded 3", "installment.paid 3",
        "installment_order.revised",
        "installment.due_soon 5",
        "charge.succeeded 5", "installment.paid 5",
        "charge.succeeded rest", "installment.paid 4", "installment.paid 6",
        "installment_order.completed",
    ]  # fmt: skip
    assert [(number, change) for number, change, *_ in revisions(order)] == [
        (1, "terms_changed"), (2, "terms_changed"), (3, "rescheduled"),
    ]  # fmt: skip
    assert (order.status, order.past_due, order.amount_paid) == ("completed", False, 60_000)
    amounts = stories.charges_of(order).filter(status="succeeded").values_list("amount", flat=True)
    assert list(amounts) == [10_000, 10_000, 10_000, 10_000, 20_000]
    assert Wallet.objects.get(customer_id="ada").balance == 0
    assert Wallet.objects.get(customer_id="seller").balance == 4662
    revenue = LedgerEntry.objects.filter(account="revenue").values_list("amount", flat=True)
    assert sum(revenue) == 60_000 - 4662
