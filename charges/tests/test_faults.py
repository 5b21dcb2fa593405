"""The card leg when something breaks between us and the processor."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from charges.gateway import intents
from charges.models import Charge
from charges.tests.steps import (
    CARD,
    DECLINED,
    NOT_PAID,
    collect,
    create,
    end_of,
    paid,
    paid_intents,
    terminal_events,
)
from wallets.models import Wallet

pytestmark = pytest.mark.usefixtures("poor_ada", "sandbox", "patience")

LOST = [
    "drop_before", "drop_after", "error_500_before", "error_500_after", "hang_before", "hang_after",
]  # fmt: skip
NOT_NOW = ["rate_limit_429", "conflict_409", "unauthorized_401"]
CREATE, CONFIRM = "/v1/payment_intents$", "/confirm$"
LATER = timedelta(hours=2)

calls = pytest.mark.parametrize("call", [CREATE, CONFIRM], ids=["create", "confirm"])
# A wrong amount of the intent that was confirmed is left to staff for ever.
MENDABLE = [
    (call, action)
    for call in (CREATE, CONFIRM)
    for action in [*LOST, *NOT_NOW, "garbage", "wrong_amount"]
    if (call, action) != (CONFIRM, "wrong_amount")
]
# One of each kind: lost after it was done, refused, not understood.
TYPICAL = [(call, a) for call in (CREATE, CONFIRM) for a in ("drop_after", NOT_NOW[1], "garbage")]
typical = pytest.mark.parametrize(("call", "action"), TYPICAL)
mendable = pytest.mark.parametrize(("call", "action"), MENDABLE)


@pytest.fixture
def patience(request):
    """Only who meets a hanging answer waits a moment for it, not 15 s."""
    if "hang" in request.node.name:
        request.getfixturevalue("impatient")


@calls
@pytest.mark.parametrize("action", LOST)
def test_a_lost_answer_is_unknown_and_asked_about_in_5_minutes(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)

    made = create(partner, now)

    assert (made.status, made.needs_review) == ("unknown", "")
    assert made.next_attempt_at == now + timedelta(minutes=5)


@calls
@pytest.mark.parametrize("action", NOT_NOW)
def test_what_was_not_executed_is_tried_again_in_5_minutes(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)

    made = create(partner, now)

    assert (made.status, made.needs_review) == ("processing", "")
    assert made.next_attempt_at == now + timedelta(minutes=5)


@calls
def test_garbage_is_unknown_and_shown_to_staff(partner, sandbox, now, call):
    sandbox.fault("garbage", path=call)

    made = create(partner, now)

    assert made.status == "unknown"
    assert made.needs_review
    assert made.next_attempt_at == now + timedelta(minutes=5)


@calls
def test_a_wrong_amount_is_left_to_staff(partner, sandbox, now, call):
    sandbox.fault("wrong_amount", path=call)

    made = create(partner, now)

    assert (made.status, made.next_attempt_at) == ("unknown", None)
    assert "70.01 USD" in made.needs_review


def test_an_intent_of_a_wrong_amount_is_never_confirmed(partner, sandbox, now):
    sandbox.fault("wrong_amount", path=CREATE)

    create(partner, now)

    assert paid_intents() == []


@typical
def test_no_fault_fails_the_charge_or_releases_its_hold(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)

    made = create(partner, now)

    assert terminal_events(made.id) == []
    assert (Wallet.objects.get().balance, Wallet.objects.get().held) == (3000, 3000)


@mendable
def test_after_a_fault_the_charge_is_paid_once(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)
    made = create(partner, now)

    collect(made.id, now + LATER)

    assert end_of(made.id) == paid(7000)


@typical
def test_the_clients_retry_gets_the_final_result(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)
    create(partner, now, key="k")

    again = create(partner, now + LATER, key="k")

    assert (again.status, again.needs_review) == ("succeeded", "")
    assert end_of(again.id) == paid(7000)


@typical
def test_two_faults_one_after_the_other_pay_once(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)
    sandbox.fault("drop_after", path=CONFIRM)
    made = create(partner, now)

    for hours in (1, 2, 3):
        collect(made.id, now + timedelta(hours=hours))

    assert end_of(made.id) == paid(7000)


def test_a_wrong_amount_of_what_was_paid_stays_with_staff(partner, sandbox, now):
    sandbox.fault("wrong_amount", path=CONFIRM)
    made = create(partner, now)

    again = collect(made.id, now + LATER)

    assert (again.status, again.next_attempt_at) == ("unknown", None)
    assert len(paid_intents(made.id)) == 1
    assert Wallet.objects.get().held == 3000


@pytest.mark.parametrize("action", ["drop_before", "drop_after", "error_500_after"])
def test_a_decline_whose_answer_was_lost_fails_when_asked(partner, sandbox, now, action):
    sandbox.fault(action, path=CONFIRM)
    made = create(partner, now, payment_method=DECLINED)

    again = collect(made.id, now + LATER)

    assert (again.failure_code, again.failure_decline_code) == ("card_declined", "generic_decline")
    assert end_of(made.id) == NOT_PAID


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
@calls
def test_26_hours_without_stripe_charge_once(partner, sandbox, now, call, action):
    sandbox.fault(action, path=call)
    made = create(partner, now)
    sandbox.advance_clock(26 * 3600)

    collect(made.id, now + timedelta(hours=26))

    assert end_of(made.id) == paid(7000)


def test_asking_while_stripe_is_away_leaves_it_unknown(partner, sandbox, now):
    sandbox.fault("drop_after", path=CONFIRM)
    sandbox.fault("error_500_before", method="GET")
    made = create(partner, now)

    assert collect(made.id, now + LATER).status == "unknown"
    assert terminal_events(made.id) == []


def test_an_intent_is_confirmed_only_when_it_is_the_stored_one(partner, sandbox, now):
    sandbox.fault("drop_after", path=CREATE)
    made = create(partner, now)
    collect(made.id, now + LATER)

    row = Charge.objects.get(id=made.id)
    assert row.external_charge_id
    assert paid_intents() == [7000]


def test_a_charge_by_card_alone_survives_a_lost_answer(partner, sandbox, now):
    sandbox.fault("drop_after", path=CONFIRM)
    made = create(partner, now, use_wallet=False, payment_method=CARD)

    collect(made.id, now + LATER)

    assert end_of(made.id) == paid(10000)


def test_a_payment_that_a_bank_works_on_for_days_is_followed_without_staff(
    partner, sandbox, now, monkeypatch
):
    sandbox.fault("drop_before", path=CONFIRM)
    made = create(partner, now, payment_method=CARD)
    as_it_is = intents.retrieve
    monkeypatch.setattr(
        intents, "retrieve", lambda intent_id: replace(as_it_is(intent_id), status="processing")
    )

    for day in range(1, 11):
        collect(made.id, now + timedelta(days=day))
    waiting = Charge.objects.get(id=made.id)
    monkeypatch.undo()
    collect(made.id, now + timedelta(days=12))

    assert (waiting.status, waiting.needs_review) == ("unknown", "")
    assert waiting.next_attempt_at == now + timedelta(days=11)
    assert end_of(made.id) == paid(7000)
