from __future__ import annotations

import pytest

from installments.tests import stories
from installments.tests.stories import VISA, at, event_types, parts, statuses

ONE = parts((5000, "03-01"))
DECLINED = "pm_card_chargeDeclined"


def test_a_part_for_a_card_is_processing_until_a_worker_collects_it(agree, sandbox):
    order = agree("ada", ONE, payment_method=VISA)

    swept = stories.sweep(at("03-01"))
    before = statuses(order)
    stories.collect_cards()

    assert (swept.processing, before, statuses(order)) == (1, ["processing"], ["paid"])
    assert sandbox.summary()["succeeded_amount"] == {"usd": 5000}


def test_a_wallet_pays_what_it_can_and_the_card_the_rest(agree, wallet, sandbox):
    ada = wallet("ada", 2000)
    order = agree("ada", ONE, payment_method=VISA)

    stories.sweep(at("03-01"))
    ada.refresh_from_db()
    held = ada.held
    stories.collect_cards()

    ada.refresh_from_db()
    (charge,) = stories.charges_of(order)
    assert (held, ada.held, ada.balance) == (2000, 0, 0)
    assert (charge.wallet_amount, charge.external_amount) == (2000, 3000)


def test_a_decline_gives_the_wallet_its_part_back(agree, wallet, sandbox):
    ada = wallet("ada", 2000)
    order = agree("ada", ONE, payment_method=DECLINED)

    stories.sweep(at("03-01"))
    stories.collect_cards()

    ada.refresh_from_db()
    assert (statuses(order), ada.balance, ada.held) == (["pending"], 2000, 0)


def test_a_saved_default_card_is_charged(api, agree, sandbox):
    api.post("/payment-methods", {"customer_id": "ada", "payment_method": "pm_card_visa"})
    order = agree("ada", ONE)

    stories.sweep(at("03-01"))
    stories.collect_cards()

    assert statuses(order) == ["paid"]


def test_two_sweeps_before_the_card_answers_make_one_charge(agree, sandbox):
    order = agree("ada", ONE, payment_method=VISA)

    stories.sweep(at("03-01"))
    stories.sweep(at("03-04"))
    stories.collect_cards()

    assert (stories.charges_of(order).count(), statuses(order)) == (1, ["paid"])


@pytest.fixture
def unknown(agree, sandbox):
    """An order whose card moved the money and whose answer was lost."""
    sandbox.fault("error_500_after", path="/confirm$")
    order = agree("ada", ONE, payment_method=VISA)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    assert stories.charges_of(order).get().status == "unknown"
    return order


def test_a_part_of_unknown_outcome_is_charged_by_nothing_new(unknown, wallet):
    wallet("ada", 5000)

    for day in ("03-02", "03-04", "03-30"):
        stories.sweep(at(day))

    assert statuses(unknown) == ["processing"]
    assert stories.charges_of(unknown).count() == 1


def test_recovery_pays_a_part_of_unknown_outcome_once(unknown, sandbox):
    stories.recover(unknown, at("03-01", minute=59))

    assert statuses(unknown) == ["paid"]
    assert sandbox.summary()["payment_intents"]["succeeded"] == 1
    assert event_types(unknown)[-1] == "installment_order.completed"


def test_a_processor_that_is_away_is_no_try_of_the_schedule(agree, sandbox):
    order = agree("ada", ONE, payment_method=VISA)
    sandbox.fault("rate_limit_429", times=1)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    before = statuses(order), stories.part(order).attempts

    stories.recover(order, at("03-01", minute=59))

    assert before == (["processing"], 1)
    assert (statuses(order), stories.part(order).attempts) == (["paid"], 1)


def test_a_last_part_paid_after_canceling_does_not_complete_the_order(unknown):
    stories.cancel(unknown, at("03-01"))

    unknown.refresh_from_db()
    assert (unknown.status, unknown.amount_paid) == ("canceled", 5000)
    assert event_types(unknown)[-1] == "installment_order.canceled"


def test_a_part_in_processing_at_the_end_of_its_date_is_overdue_when_it_fails(agree, sandbox):
    order = agree("ada", ONE, payment_method=DECLINED)
    stories.sweep(at("03-01"))
    stories.sweep(at("03-02", hour=3))
    stories.collect_cards()

    stories.sweep(at("03-02", hour=4))

    assert statuses(order) == ["overdue"]
