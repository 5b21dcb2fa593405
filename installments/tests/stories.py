"""What the stories of this suite are made of: a clock in the past, orders, threads."""

from __future__ import annotations

import os
import threading
from datetime import UTC, date, datetime

from django.db import connection

from charges import services as charges
from charges.models import Charge
from devstack.stripe_sandbox.cards import CARDS
from devstack.stripe_sandbox.client import SandboxControl
from foundation.actors import Actor
from installments import planning, services
from installments.as_of import AsOf
from installments.models import Installment, Revision
from installments.schedule import Part
from webhooks.models import Event

BY = Actor("test:installments", "req-test")
VISA = "pm_card_visa"
SAVED: dict[tuple[object, str, str], str] = {}


def at(day, hour=9, minute=30):
    """A moment of 2024, a leap year well before any clock that runs this: `at("03-01")`."""
    month, number = map(int, day.split("-"))
    return datetime(2024, month, number, hour, minute, tzinfo=UTC)


def parts(*amounts_on):
    """Parts of 2024: `parts((3334, "03-01"), …)`."""
    return [Part(amount, date.fromisoformat(f"2024-{day}")) for amount, day in amounts_on]


def daily(count, amount=100, first="02-01"):
    """So many equal parts, a day apart."""
    start = date.fromisoformat(f"2024-{first}").toordinal()
    return [Part(amount, date.fromordinal(start + place)) for place in range(count)]


def saved_card(partner_id, customer, name):
    """A card that was good when the customer saved it and does as the test card `name` since: one
    each. Test cards that can be saved as they are stay as they are.
    """
    card = CARDS.get(name.removeprefix("pm_card_"))
    if card is None or card.decline is None or card.attaches:
        return name
    if (partner_id, customer, name) not in SAVED:
        saved = charges.attach_payment_method(
            partner_id=partner_id, customer_id=customer, payment_method=VISA, is_default=False,
            now=at("01-01"),
        )  # fmt: skip
        SAVED[partner_id, customer, name] = saved.external_id
        SandboxControl(os.environ["STRIPE_API_BASE"]).become(
            saved.external_id, name.removeprefix("pm_card_")
        )
    return SAVED[partner_id, customer, name]


def sweep(now, **options):
    return services.sweep(as_of=AsOf(now), by=BY, now=now, **options)


def collect_cards():
    """The workers' part: everything that waits for a card is asked for."""
    return charges.collect_due(by=BY)


def recover(order, now):
    """As the operator's `recover_charges`: whatever is open is asked about."""
    for charge in charges_of(order):
        charges.collect(charge_id=charge.id, by=BY, now=now)


def process(part, now):
    return services.process_installment(installment_id=part.id, by=BY, now=now)


def cancel(order, now):
    return services.cancel_order(order_id=order.id, by=BY, now=now)


def pause(order, now, **more):
    return services.pause_order(order_id=order.id, by=BY, now=now, **more)


def resume(order, now, *, shift=False):
    return services.resume_order(order_id=order.id, is_shifted=shift, by=BY, now=now)


def pay_off(order, now):
    return services.pay_off(order_id=order.id, by=BY, now=now)


def reschedule(part, due_date, now):
    day = date.fromisoformat(due_date)
    return services.reschedule_installment(installment_id=part.id, due_date=day, by=BY, now=now)


def change(order, now, **terms):
    if terms.get("payment_method"):
        terms["payment_method"] = saved_card(
            order.partner_id, order.customer_id, terms["payment_method"]
        )
    return services.change_order(order_id=order.id, new=services.NewTerms(**terms), by=BY, now=now)


def reinstate(order, now, **more):
    return services.reinstate_order(order_id=order.id, by=BY, now=now, **more)


def reopen(part, now, due_date=None):
    day = due_date and date.fromisoformat(due_date)
    return services.reopen_installment(installment_id=part.id, due_date=day, by=BY, now=now)


def write_off(order, now, reason="Gone."):
    return services.write_off_order(order_id=order.id, reason=reason, by=BY, now=now)


def revisions(order):
    """(number, change, before, after) of each."""
    found = Revision.objects.filter(order=order).order_by("number")
    return list(found.values_list("number", "change", "before", "after"))


def part(order, number=1):
    return Installment.objects.select_related("order").get(order=order, installment_number=number)


def statuses(order):
    found = Installment.objects.filter(order=order).order_by("installment_number")
    return list(found.values_list("status", flat=True))


def charges_of(order):
    return Charge.objects.filter(installment_order_id=order.id).order_by("id")


def event_types(resource):
    found = Event.objects.filter(resource_id=resource.id).order_by("sequence")
    return list(found.values_list("type", flat=True))


def new_order(customer, plan, **more):
    total = more.pop("amount", None) or sum(part.amount for part in plan)
    return planning.NewOrder(customer, total, more.pop("currency", "USD"), plan, **more)


def race(*calls, deadline=30):
    """All calls at once, each in a thread with a connection of its own; their answers in order."""
    barrier, answers = threading.Barrier(len(calls)), [None] * len(calls)

    def run(place, call):
        try:
            barrier.wait(deadline)
            answers[place] = call()
        except Exception as error:  # noqa: BLE001 -- handed to the test
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    return answers
