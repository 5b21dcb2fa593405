"""A worked example: a part is lost to its bank, and the order is cured."""

from __future__ import annotations

import pytest

from charges.models import Charge
from charges.tests.steps import disputes_of, hear
from devstack.stripe_sandbox.disputes import FEE
from installments import services
from installments.tests import stories
from installments.tests.stories import VISA, at, event_types, parts, statuses
from wallets.models import LedgerEntry

THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "05-01"))


def test_an_order_whose_second_part_was_lost_is_cured_and_completed(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=VISA)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    stories.change(order, at("03-02"), payment_method="pm_card_createDispute")
    stories.sweep(at("04-01"))
    stories.collect_cards()
    second = stories.part(order, 2)
    lost = second.charge_id
    (dispute,) = disputes_of(lost)
    hear("charge.dispute.created", dispute, now)
    sandbox.close_dispute(dispute, "lost")
    hear("charge.dispute.closed", dispute, now)
    order.refresh_from_db()
    assert (order.status, order.amount_paid) == ("defaulted", 10000)

    with pytest.raises(services.ArrearsOwed, match=r"part 2 of 50.00 USD was lost in a dispute"):
        stories.reinstate(order, now)
    stories.reopen(second, now)
    order.refresh_from_db()
    assert (order.status, order.amount_paid, order.past_due) == ("defaulted", 5000, True)
    assert statuses(order) == ["paid", "overdue", "pending"]

    with pytest.raises(services.ArrearsOwed, match=r"50.00 USD is still owed: part 2 of 50"):
        stories.reinstate(order, now)
    stories.change(order, now, payment_method=VISA)
    stories.process(second, now)
    stories.reinstate(order, now)
    order.refresh_from_db()
    assert (order.status, order.defaulted_at, order.past_due) == ("active", None, False)

    stories.sweep(now)
    stories.collect_cards()

    order.refresh_from_db()
    assert (order.status, statuses(order)) == ("completed", ["paid"] * 3)
    assert Charge.objects.get(id=lost).reopened_at == now
    assert stories.charges_of(order).filter(status="succeeded").count() == 4
    card = LedgerEntry.objects.filter(account="card").values_list("amount", flat=True)
    assert sum(card) == -15000 + FEE
    assert event_types(order)[-6:] == [
        "installment_order.paused", "installment_order.defaulted", "installment_order.revised",
        "installment_order.revised", "installment_order.reinstated", "installment_order.completed",
    ]  # fmt: skip
    assert event_types(second) == ["installment.paid", "installment.reopened", "installment.paid"]
