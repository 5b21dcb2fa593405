"""A defaulted order is reinstated, a part whose money went back reopened, an order written off."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction

from charges.models import Charge, Refund
from charges.reopening import ChargeKept, RefundInProgress
from charges.tests.steps import complete, disputes_of, give_back, hear, returned_by_card
from foundation.constraints import violated
from installments import charge_hooks, services
from installments.models import Installment, InstallmentOrder
from installments.planning import InvalidSchedule
from installments.schedule import Part
from installments.tests import stories
from installments.tests.stories import BY, VISA, at, event_types, parts, race, revisions, statuses
from webhooks.models import Event

THREE = parts((5000, "03-01"), (5000, "04-01"), (5000, "05-01"))
FEE = {"amount": "5.00", "percentage": None, "grace_days": 0, "cap": None}
SECURE = "pm_card_authenticationRequired"
DISPUTED = "pm_card_createDispute"
LATER = at("04-20")


def default(order):
    """Its first part was never paid: seven tries, thirty days."""
    for day in ("01", "02", "04", "06", "08", "11", "15"):
        stories.sweep(at(f"03-{day}"))
    stories.sweep(at("04-15"))
    order.refresh_from_db()
    assert order.status == "defaulted"
    return order


@pytest.fixture
def defaulted(agree):
    """Part 1 is failed, parts 2 and 3 were never tried or once."""
    plan = [THREE[0], Part(5000, date(2024, 4, 18)), Part(5000, date(2024, 6, 1))]
    return default(agree("ada", plan, late_fee=FEE))


@pytest.fixture
def paid(agree, wallet):
    """One part of three is paid by the wallet."""
    wallet("ada", 5000)
    order = agree("ada", THREE)
    stories.sweep(at("03-01"))
    return order


def refund_part(order, number, now, amount=None):
    return give_back(stories.part(order, number).charge_id, now, amount)


# Reinstate ---------------------------------------------------------------------------------------


def test_arrears_are_named_part_by_part_with_their_fees(defaulted):
    with pytest.raises(
        services.ArrearsOwed, match=r"55.00 USD is still owed: part 1 of 55.00 USD."
    ):
        stories.reinstate(defaulted, LATER)


def test_an_order_whose_arrears_are_paid_is_collected_again_on_its_dates(defaulted, wallet):
    wallet("ada", 5500)
    stories.process(stories.part(defaulted), LATER)

    stories.reinstate(defaulted, LATER, reason="Paid by hand.")

    defaulted.refresh_from_db()
    assert (defaulted.status, defaulted.past_due, defaulted.default_at) == ("active", False, None)
    second, third = stories.part(defaulted, 2), stories.part(defaulted, 3)
    assert (second.next_attempt_at, third.next_attempt_at) == (LATER, third.due_at)
    assert revisions(defaulted)[-1][1:] == (
        "reinstated", {"status": "defaulted"}, {"status": "active"},
    )  # fmt: skip
    assert event_types(defaulted)[-1] == "installment_order.reinstated"


def test_the_time_to_a_late_fee_does_not_count_the_default(defaulted, wallet):
    wallet("ada", 5500)
    stories.process(stories.part(defaulted), LATER)
    before = stories.part(defaulted, 2)

    stories.reinstate(defaulted, LATER)

    after = stories.part(defaulted, 2)
    assert after.late_fee_from - before.late_fee_from == LATER - before.overdue_from


def test_reinstating_twice_is_success_and_one_revision(defaulted, wallet):
    wallet("ada", 5500)
    stories.process(stories.part(defaulted), LATER)

    for _ in range(2):
        stories.reinstate(defaulted, LATER)

    assert [change for _, change, *_ in revisions(defaulted)].count("reinstated") == 1


@pytest.mark.parametrize("status", ["paused", "canceled"])
def test_only_a_defaulted_order_is_reinstated(paid, status):
    {"paused": stories.pause, "canceled": stories.cancel}[status](paid, at("03-02"))

    with pytest.raises(services.InvalidTransition, match=rf"The order is {status}"):
        stories.reinstate(paid, at("03-03"))


def test_an_order_is_not_reinstated_while_a_charge_has_no_outcome(defaulted, sandbox):
    stories.change(defaulted, LATER, payment_method=SECURE)
    stories.process(stories.part(defaulted), LATER)

    with pytest.raises(services.ChargeInProgress):
        stories.reinstate(defaulted, LATER)


def test_the_card_of_a_defaulted_order_can_be_changed_to_pay_its_arrears(defaulted, sandbox):
    stories.change(defaulted, LATER, payment_method=VISA)

    assert stories.process(stories.part(defaulted), LATER).status == "paid"


def test_a_reinstated_order_defaults_again(defaulted, wallet):
    wallet("ada", 5500)
    stories.process(stories.part(defaulted), LATER)
    stories.reinstate(defaulted, LATER)

    for days in (0, 1, 3, 5, 7, 10, 14, 45):
        stories.sweep(LATER + timedelta(days=days))

    defaulted.refresh_from_db()
    assert (defaulted.status, statuses(defaulted)[1]) == ("defaulted", "failed")


def test_a_sweep_at_the_same_time_collects_a_reinstated_part_once(defaulted, wallet):
    wallet("ada", 20000)
    stories.process(stories.part(defaulted), LATER)

    answers = race(
        *[lambda: stories.sweep(LATER) for _ in range(3)],
        *[lambda: stories.reinstate(defaulted, LATER) for _ in range(2)],
    )
    stories.sweep(LATER)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert statuses(defaulted) == ["paid", "paid", "pending"]
    assert stories.charges_of(defaulted).filter(status="succeeded").count() == 2


@pytest.fixture
def lost(agree, sandbox, now):
    """An order that defaulted because part 1 was lost to the bank; part 2 was paid before."""
    order = agree("ada", THREE, payment_method=DISPUTED)
    for day in ("03-01", "04-01"):
        stories.sweep(at(day))
        stories.collect_cards()
    lose(order, 1, sandbox, now)
    order.refresh_from_db()
    assert order.status == "defaulted"
    return order


def lose(order, number, sandbox, now):
    (dispute,) = disputes_of(stories.part(order, number).charge_id)
    hear("charge.dispute.created", dispute, now)
    sandbox.close_dispute(dispute, "lost")
    hear("charge.dispute.closed", dispute, now)


def test_what_a_dispute_lost_is_in_arrears(lost, now):
    with pytest.raises(services.ArrearsOwed, match=r"part 1 of 50.00 USD was lost in a dispute"):
        stories.reinstate(lost, now)


def test_a_lost_part_that_is_put_off_to_a_later_date_is_not_in_arrears(lost, now):
    stories.reopen(stories.part(lost), now, "2027-06-01")

    stories.reinstate(lost, now)

    part = stories.part(lost)
    assert (part.status, part.next_attempt_at) == ("pending", part.due_at)


def test_an_order_is_not_reinstated_while_another_payment_is_disputed(lost, now):
    (dispute,) = disputes_of(stories.part(lost, 2).charge_id)
    hear("charge.dispute.created", dispute, now)
    stories.reopen(stories.part(lost), now, "2027-06-01")

    with pytest.raises(services.OrderDisputed):
        stories.reinstate(lost, now)


# Reopen ------------------------------------------------------------------------------------------


def test_a_part_that_was_refunded_in_full_is_unpaid_again_and_due_at_once(paid, now):
    refund_part(paid, 1, now)
    charge_id = stories.part(paid).charge_id

    part = stories.reopen(stories.part(paid), now)

    assert (part.status, part.attempts, part.charge, part.paid_at) == ("pending", 0, None, None)
    assert (part.due_date, part.next_attempt_at) == (now.date(), now)
    paid.refresh_from_db()
    assert (paid.status, paid.amount_paid) == ("active", 0)
    assert Charge.objects.get(id=charge_id).reopened_at == now
    assert event_types(part)[-1] == "installment.reopened"


def test_it_is_collected_by_the_next_sweep_and_the_old_charge_stays_on_record(paid, wallet, now):
    wallet("ada", 10000)
    refund_part(paid, 1, now)  # into the wallet
    stories.reopen(stories.part(paid), now)

    stories.sweep(now)

    paid.refresh_from_db()
    assert (paid.status, paid.amount_paid) == ("completed", 15000)
    of_part = Charge.objects.filter(installment_id=stories.part(paid).id, status="succeeded")
    assert [charge.reopened_at for charge in of_part.order_by("id")] == [now, None]


def test_a_date_that_is_given_is_the_due_date(paid, now):
    refund_part(paid, 1, now)
    day = now.date() + timedelta(days=9)

    part = stories.reopen(stories.part(paid), now, day.isoformat())

    assert (part.due_date, part.next_attempt_at) == (day, part.due_at)
    before, after = revisions(paid)[-1][2:]
    assert before["installments"][0]["due_date"] == "2024-03-01"
    assert after["installments"][0] == {
        "installment_number": 1, "due_date": day.isoformat(), "status": "pending",
    }  # fmt: skip
    assert (before["amount_paid"], after["amount_paid"]) == ("50.00", "0.00")


def test_a_day_that_is_over_is_no_due_date(paid, now):
    refund_part(paid, 1, now)

    with pytest.raises(InvalidSchedule):
        stories.reopen(stories.part(paid), now, "2024-03-01")


@pytest.mark.parametrize(("amount", "kept"), [(None, "0.00"), (1, "49.99"), (4999, "0.01")])
def test_a_part_of_which_something_is_kept_stays_paid_and_says_how_much(paid, now, amount, kept):
    if amount:
        refund_part(paid, 1, now, amount)
        with pytest.raises(ChargeKept, match=rf"{kept} USD of charge .* is still kept"):
            stories.reopen(stories.part(paid), now)
        assert statuses(paid)[0] == "paid"
    else:
        with pytest.raises(ChargeKept, match=r"50.00 USD"):
            stories.reopen(stories.part(paid), now)


def test_a_refund_without_outcome_must_end_first(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=VISA)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    sandbox.fault("error_500_before", path="/v1/refunds$")
    assert refund_part(order, 1, now).status == "pending"

    with pytest.raises(RefundInProgress):
        stories.reopen(stories.part(order), now)


def test_a_part_whose_charge_is_disputed_is_not_reopened(agree, sandbox, now):
    order = agree("ada", THREE, payment_method=DISPUTED)
    stories.sweep(at("03-01"))
    stories.collect_cards()
    (dispute,) = disputes_of(stories.part(order).charge_id)
    hear("charge.dispute.created", dispute, now)

    with pytest.raises(services.OrderDisputed):
        stories.reopen(stories.part(order), now)


def test_reopening_an_unpaid_part_changes_nothing(paid, now):
    for _ in range(2):
        assert stories.reopen(stories.part(paid, 2), now).due_date == date(2024, 4, 1)
    assert revisions(paid) == []


def test_an_unpaid_part_is_not_moved_by_reopening_it(paid, now):
    with pytest.raises(services.InvalidTransition):
        stories.reopen(stories.part(paid, 2), now, "2027-01-01")


def test_a_part_of_a_canceled_order_stays_paid(paid, now):
    refund_part(paid, 1, now)
    stories.cancel(paid, now)

    with pytest.raises(services.InvalidTransition, match="The order is canceled"):
        stories.reopen(stories.part(paid), now)


def test_a_part_of_a_paused_order_waits_until_it_resumes(paid, now):
    refund_part(paid, 1, now)
    stories.pause(paid, now)

    part = stories.reopen(stories.part(paid), now)

    assert (part.status, part.next_attempt_at) == ("pending", None)


def test_a_completed_order_is_active_again(agree, wallet, now):
    wallet("ada", 5000)
    order = agree("ada", THREE[:1])
    stories.sweep(at("03-01"))
    refund_part(order, 1, now)

    stories.reopen(stories.part(order), now)

    order.refresh_from_db()
    assert (order.status, order.completed_at, order.amount_paid) == ("active", None, 0)


def test_a_late_fee_that_was_paid_is_owed_again_and_none_is_added(agree, wallet, now):
    order = agree("ada", THREE, late_fee=FEE)
    stories.sweep(at("03-03"))
    wallet("ada", 5500)
    stories.process(stories.part(order), at("03-03"))
    refund_part(order, 1, now)

    part = stories.reopen(stories.part(order), now)

    assert (part.owed, part.late_fee_from) == (5500, None)


@pytest.fixture
def paid_off(agree, wallet, now):
    wallet("ada", 15000)
    plan = [*THREE[:2], Part(5000, date(2099, 5, 1))]
    order = agree("ada", plan)
    stories.pay_off(order, at("03-01"))
    return order


def test_reopening_a_part_reopens_all_that_its_pay_off_paid_on_their_own_dates(paid_off, now):
    refund_part(paid_off, 1, now)

    stories.reopen(stories.part(paid_off, 2), now)

    paid_off.refresh_from_db()
    assert (paid_off.status, paid_off.amount_paid) == ("active", 0)
    assert statuses(paid_off) == ["pending"] * 3
    dates = [stories.part(paid_off, number).due_date for number in (1, 2, 3)]
    assert dates == [now.date(), now.date(), date(2099, 5, 1)]


def test_an_order_can_be_paid_off_again(paid_off, now):
    refund_part(paid_off, 1, now)
    stories.reopen(stories.part(paid_off), now)

    stories.pay_off(paid_off, now)

    paid_off.refresh_from_db()
    assert (paid_off.status, paid_off.amount_paid) == ("completed", 15000)


def test_a_pay_off_that_was_refunded_in_part_says_how_much_is_kept(paid_off, now):
    refund_part(paid_off, 1, now, 5000)

    with pytest.raises(ChargeKept, match=r"100.00 USD"):
        stories.reopen(stories.part(paid_off), now)


@pytest.fixture
def paid_twice(agree, sandbox, now):
    """A part whose first charge was refunded, reopened, and paid by a second one."""
    order = agree("ada", THREE, payment_method="pm_card_refundFail")
    stories.sweep(at("03-01"))
    stories.collect_cards()
    refund = refund_part(order, 1, now)
    stories.reopen(stories.part(order), now)
    stories.process(stories.part(order), now)
    assert statuses(order)[0] == "paid"
    return refund


def test_a_refund_that_fails_after_its_part_was_paid_again_is_for_staff(paid_twice, sandbox, now):
    sandbox.advance_clock(3600)
    hear("refund.failed", paid_twice.external_refund_id, now)

    first = Charge.objects.get(id=paid_twice.charge_id)
    assert Refund.objects.get().status == "failed"
    assert (first.amount_kept, first.needs_review) == (
        5000,
        f"50.00 USD came back with refund {paid_twice.id} after its installment was reopened.",
    )  # fmt: skip


def test_a_dispute_that_is_won_after_its_part_was_reopened_is_for_staff(lost, sandbox, now):
    charge_id = stories.part(lost).charge_id
    (dispute,) = disputes_of(charge_id)
    stories.reopen(stories.part(lost), now)

    sandbox.close_dispute(dispute, "won")
    hear("charge.dispute.closed", dispute, now)

    charge = Charge.objects.get(id=charge_id)
    assert (charge.amount_kept, charge.needs_review) == (
        5000, f"50.00 USD came back with dispute {dispute} after its installment was reopened.",
    )  # fmt: skip


def test_a_dispute_of_a_charge_that_pays_no_part_leaves_the_order_alone(lost, now):
    charge = Charge.objects.get(id=stories.part(lost).charge_id)
    stories.reopen(stories.part(lost), now, "2099-01-01")
    stories.reinstate(lost, now)
    charge.refresh_from_db()

    with transaction.atomic():
        charge_hooks.dispute_changed(charge, by=BY, now=now)

    lost.refresh_from_db()
    assert (charge.dispute_status, lost.status) == ("lost", "active")


def test_a_refund_at_the_same_time_or_before_is_what_reopening_needs(paid, now):
    charge_id = stories.part(paid).charge_id

    answers = race(
        lambda: give_back(charge_id, now),
        *[lambda: stories.reopen(stories.part(paid), now) for _ in range(3)],
    )

    kept = [answer for answer in answers if isinstance(answer, ChargeKept)]
    is_reopened = Charge.objects.get(id=charge_id).reopened_at is not None
    assert is_reopened == (len(kept) < 3)
    assert statuses(paid)[0] == ("pending" if is_reopened else "paid")


# Write off ---------------------------------------------------------------------------------------


def test_what_is_unpaid_of_a_defaulted_order_is_written_off(defaulted):
    order = stories.write_off(defaulted, LATER, "Bankrupt.")

    assert (order.status, order.amount_written_off) == ("written_off", 15000)
    assert (order.written_off_at, order.past_due) == (LATER, False)
    assert statuses(order) == ["canceled"] * 3
    assert revisions(order)[-1][1:] == (
        "written_off",
        {"status": "defaulted", "amount_written_off": "0.00"},
        {"status": "written_off", "amount_written_off": "150.00"},
    )
    assert event_types(order)[-1] == "installment_order.written_off"


def test_nothing_of_it_is_collected_any_more(defaulted, wallet):
    wallet("ada", 20000)
    stories.write_off(defaulted, LATER)

    assert stories.sweep(at("06-02")).collected == 0
    with pytest.raises(services.InvalidTransition):
        stories.process(stories.part(defaulted), LATER)


def test_writing_off_twice_is_success_and_one_revision(defaulted):
    for _ in range(2):
        assert stories.write_off(defaulted, LATER).status == "written_off"

    assert [change for _, change, *_ in revisions(defaulted)].count("written_off") == 1


def test_a_past_due_order_can_be_written_off_whether_active_or_paused(agree):
    active, paused = agree("ada", THREE), agree("bob", THREE)
    stories.sweep(at("03-03"))
    stories.pause(paused, at("03-04"))

    for order in (active, paused):
        assert stories.write_off(order, at("03-05")).status == "written_off"


def test_an_order_that_is_not_past_due_is_not_written_off(paid):
    with pytest.raises(services.OrderNotPastDue):
        stories.write_off(paid, at("03-02"))


@pytest.mark.parametrize("end", [stories.cancel, stories.pay_off])
def test_an_order_that_has_ended_is_not_written_off(paid, wallet, end):
    wallet("ada", 10000)
    end(paid, at("03-02"))

    with pytest.raises(services.InvalidTransition):
        stories.write_off(paid, at("03-03"))


def test_a_cardholder_can_pay_no_more_into_what_was_written_off(defaulted, sandbox):
    stories.change(defaulted, LATER, payment_method=SECURE)
    part = stories.process(stories.part(defaulted), LATER)

    stories.write_off(defaulted, LATER)

    assert Charge.objects.get(id=part.charge_id).status == "canceled"
    assert statuses(defaulted) == ["canceled"] * 3


def test_a_payment_that_succeeds_after_it_is_posted_and_shown(defaulted, sandbox):
    stories.change(defaulted, LATER, payment_method=VISA)
    sandbox.fault("error_500_after", path="/confirm$")
    stories.process(stories.part(defaulted), LATER)

    defaulted = stories.write_off(defaulted, LATER)

    assert (defaulted.status, statuses(defaulted)) == (
        "written_off", ["paid", "canceled", "canceled"],
    )  # fmt: skip
    assert (defaulted.amount_paid, defaulted.amount_written_off) == (5000, 10000)


def test_a_payment_at_the_same_time_is_paid_or_refused_and_never_half(defaulted, wallet):
    wallet("ada", 5500)

    answers = race(
        lambda: stories.process(stories.part(defaulted), LATER),
        lambda: stories.write_off(defaulted, LATER),
    )

    order = InstallmentOrder.objects.get()
    paid = statuses(order)[0] == "paid"
    assert order.status == "written_off"
    assert (order.amount_paid, order.amount_written_off) == ((5000, 10000) if paid else (0, 15000))
    assert isinstance(answers[0], services.InvalidTransition) == (not paid)


# The database, the API ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"status": "written_off"}, "installments_installmentorder_written_off_at"),
        ({"written_off_at": at("03-01")}, "installments_installmentorder_written_off_at"),
        ({"status": "defaulted"}, "installments_installmentorder_defaulted_at"),
        ({"completed_at": at("03-01")}, "installments_installmentorder_completed_is_paid"),
    ],
)
def test_the_database_ties_a_state_to_its_time(paid, change, constraint):
    with pytest.raises(IntegrityError) as refusal:
        InstallmentOrder.objects.update(**change)
    assert violated(refusal.value) == constraint


def test_the_database_reopens_no_charge_that_paid_no_part(paid):
    with pytest.raises(IntegrityError) as refusal:
        Charge.objects.update(
            reopened_at=at("03-01"), installment_order_id=None, installment_id=None
        )
    assert violated(refusal.value) == "charges_charge_reopened_had_paid"


def test_the_api_says_what_is_owed_and_reinstates_when_it_is_paid(api, defaulted, wallet):
    path = f"/installments/orders/{defaulted.id}/reinstate"
    refused = api.post(path)
    wallet("ada", 5500)
    api.post(f"/installments/installments/{stories.part(defaulted).id}/process")

    answer = api.post(path, {"reason": "Paid."})

    assert (refused.status_code, refused.json()["code"]) == (409, "arrears_owed")
    assert "part 1 of 55.00 USD" in refused.json()["detail"]
    assert (answer.status_code, answer.json()["status"]) == (200, "active")


def test_the_api_reopens(api, paid, now):
    path = f"/installments/installments/{stories.part(paid).id}/reopen"
    refused = api.post(path)
    refund_part(paid, 1, now)
    day = (now.date() + timedelta(days=3)).isoformat()

    answer = api.post(path, {"due_date": day, "reason": "Sent again."})

    assert (refused.status_code, refused.json()["code"]) == (409, "charge_kept")
    shown = answer.json()
    assert (shown["status"], shown["due_date"], shown["charge_id"]) == ("pending", day, None)


def test_the_api_writes_off_with_a_reason(api, defaulted):
    path = f"/installments/orders/{defaulted.id}/write-off"
    refused = [api.post(path, body) for body in ({}, {"reason": ""}, {"reason": None})]

    answer = api.post(path, {"reason": "Gone."})

    assert [bad.status_code for bad in refused] == [400] * 3
    shown = answer.json()
    assert (shown["status"], shown["amount_written_off"]) == ("written_off", "150.00")
    assert shown["installments"][0]["status"] == "canceled"


def test_events_show_the_resource_as_it_was_then(defaulted):
    stories.write_off(defaulted, LATER)

    data = json.loads(Event.objects.get(type="installment_order.written_off").data)
    assert (data["status"], data["amount_written_off"]) == ("written_off", "150.00")
    assert Installment.objects.filter(status="canceled").count() == 3


def test_a_repeat_of_a_returned_refund_changes_nothing(paid_twice, now):
    assert complete(paid_twice.id, now).status == "succeeded"
    assert returned_by_card(paid_twice.charge_id) == [5000]
