"""What the processor says of an amount is compared as money: never rounded, never a crash."""

from __future__ import annotations

import pytest

from charges.gateway import intents
from charges.gateway.client import Refused
from charges.models import Charge
from charges.tests.steps import CARD, give_back, paid_intents
from charges.tests.test_reconcile import by_card, kinds, reconcile


def krona(partner, now):
    return by_card(partner, now, amount=500, currency="ISK")


def test_what_an_intent_collected_is_compared_too(partner, sandbox, now):
    sandbox.fault("wrong_amount_received", path="/confirm")

    made = by_card(partner, now)

    assert made.status == "unknown"
    assert "received 10.01 USD instead of 10.00 USD" in made.needs_review
    assert kinds() == ["amount_differs"]


def test_an_amount_between_our_units_is_left_to_staff(partner, sandbox, now):
    sandbox.fault("wrong_amount", path="/confirm")

    made = krona(partner, now)

    assert made.status == "unknown"
    assert "50001 of the processor's units are no whole amount in ISK" in made.needs_review


def test_an_intent_between_our_units_is_a_difference(partner, sandbox, now):
    sandbox.fault("wrong_amount", path="/confirm")
    made = krona(partner, now)

    (found,) = reconcile()[1]["differences"]

    assert (found["kind"], found["charge_id"]) == ("intent_unreadable", str(made.id))
    assert "no whole amount in ISK" in found["there"]


def test_one_that_is_unreadable_hides_no_other(partner, sandbox, now):
    by_card(partner, now)
    sandbox.fault("wrong_amount", path="/confirm")
    krona(partner, now)
    by_card(partner, now)

    report = reconcile()[1]

    assert (report["intents"], len(report["differences"])) == (3, 1)


def test_a_refund_between_our_units_is_a_difference(partner, sandbox, now):
    made = krona(partner, now)
    sandbox.fault("wrong_amount", path="refunds")

    refund = give_back(made.id, now, 100)

    assert (refund.status, kinds()) == ("pending", ["refund_unreadable"])
    assert "no whole amount in ISK" in refund.needs_review


@pytest.mark.parametrize(("currency", "minor"), [("MGA", 50), ("KWD", 1005), ("BHD", 1)])
def test_a_card_leg_between_the_steps_is_never_sent(partner, sandbox, currency, minor):
    """As rows have it that are older than the steps."""
    old = Charge(partner=partner, external_amount=minor, currency=currency, card=CARD, attempts=1)

    with pytest.raises(Refused) as refused:
        intents.create(old, customer=None)

    assert refused.value.code == "card_amount_unsupported"
    assert paid_intents() == []
