"""What staff decide about what nothing else could end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from charges import services
from charges.answers import Answer
from charges.declines import Failure
from charges.gateway import intents
from charges.gateway.client import client
from charges.gateway.intents import Intent
from charges.models import Charge, Outcome, Refund, Resolution
from charges.processor.charges import classify
from charges.services import charging, refunding
from charges.tests.steps import (
    CARD,
    charged,
    create,
    end_of,
    events_of,
    give_back,
    paid,
    returned_by_card,
)
from conftest import BY
from wallets.tests.steps import race

REASON = "Seen in the Stripe dashboard."


@pytest.fixture
def differing(partner, poor_ada, sandbox, now):
    """A charge whose processor shows another amount: paid there, unknown here."""
    sandbox.fault("wrong_amount", path="/confirm")
    return create(partner, now)


def resolve(charge_id, outcome, now):
    return services.resolve_charge(
        charge_id=charge_id, outcome=outcome, reason=REASON, by=BY, now=now
    )


def test_staff_can_settle_what_differs(differing, now):
    resolve(differing.id, "succeeded", now)

    status, events, _, held = end_of(differing.id)
    assert (status, events, held) == ("succeeded", ["charge.succeeded"], 0)
    assert Charge.objects.get().needs_review == ""


def test_staff_can_fail_what_differs(differing, now):
    resolve(differing.id, "failed", now)

    made = Charge.objects.get()
    assert (made.status, made.failure_code) == ("failed", "resolved_by_staff")
    assert end_of(differing.id)[3] == 0


def test_a_decision_is_on_record_with_who_why_and_what_the_processor_said(differing, now):
    resolve(differing.id, "succeeded", now)

    kept = Resolution.objects.get()
    assert (kept.outcome, kept.reason, kept.actor) == ("succeeded", REASON, BY.name)
    assert "succeeded: 70.01 USD" in kept.evidence


def test_an_intent_that_differed_from_its_beginning_is_looked_at_and_canceled(
    partner, poor_ada, sandbox, now
):
    """It was never stored as the charge's, but the processor named it."""
    sandbox.fault("wrong_amount", path="/payment_intents$")
    made = create(partner, now)
    assert (made.status, made.external_charge_id) == ("unknown", None)

    resolve(made.id, "failed", now)

    theirs = client().v1.payment_intents.list(params={"limit": 1}).data[0]
    assert theirs.status == "canceled"
    assert theirs.id in Resolution.objects.get().evidence


@pytest.fixture
def unsure(partner, poor_ada, sandbox, now):
    """A charge of which nobody knows whether it was paid, at the end of its ladder."""

    def make(action):
        sandbox.fault(action, path="/confirm")
        made = create(partner, now)
        Charge.objects.filter(id=made.id).update(needs_review="asked in vain", next_attempt_at=None)
        return made

    return make


def test_the_processor_contradicts_a_failure_of_what_was_paid(unsure, now):
    made = unsure("drop_after")

    with pytest.raises(services.EvidenceContradicts):
        resolve(made.id, "failed", now)

    assert Charge.objects.get().status == "unknown"
    assert not Resolution.objects.exists()


def test_the_processor_contradicts_a_success_of_what_was_canceled(unsure, now):
    made = unsure("drop_before")
    client().v1.payment_intents.cancel(Charge.objects.get().external_charge_id)

    with pytest.raises(services.EvidenceContradicts):
        resolve(made.id, "succeeded", now)


def test_an_intent_that_could_still_succeed_is_canceled_before_the_charge_fails(unsure, now):
    made = unsure("drop_before")

    resolve(made.id, "failed", now)

    intent = client().v1.payment_intents.retrieve(Charge.objects.get().external_charge_id)
    assert intent.status == "canceled"
    assert end_of(made.id) == ("failed", ["charge.failed"], [], 0)


def test_an_open_intent_is_no_success(unsure, now):
    made = unsure("drop_before")

    with pytest.raises(services.EvidenceContradicts):
        resolve(made.id, "succeeded", now)


def test_without_an_intent_nothing_was_collected(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_before", path="/v1/payment_intents$")
    made = create(partner, now)
    Charge.objects.update(needs_review="asked in vain", next_attempt_at=None)

    with pytest.raises(services.EvidenceContradicts):
        resolve(made.id, "succeeded", now)
    resolve(made.id, "failed", now)

    assert Charge.objects.get().status == "failed"


def test_while_the_processor_is_away_nothing_is_decided(differing, sandbox, now):
    sandbox.fault("error_500_before", method="GET", path="payment_intents/")

    with pytest.raises(services.ProcessorUnavailable):
        resolve(differing.id, "succeeded", now)


def test_an_answer_without_sense_leaves_it_to_staffs_word(differing, sandbox, now):
    sandbox.fault("garbage", method="GET", path="payment_intents/")

    resolve(differing.id, "succeeded", now)

    assert "was not understood" in Resolution.objects.get().evidence


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_only_what_waits_for_staff_is_decided_by_them(api, partner, ada, now, outcome):
    made = charged(api, "10.00")

    with pytest.raises(services.NothingToReview):
        resolve(made["id"], outcome, now)


def test_an_unknown_charge_that_is_still_asked_about_is_not_for_staff(
    partner, poor_ada, sandbox, now
):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)

    with pytest.raises(services.NothingToReview):
        resolve(made.id, "succeeded", now)


def test_of_four_decisions_at_once_one_counts(differing, now):
    def decide():
        try:
            return resolve(differing.id, "succeeded", now).status
        except services.NothingToReview:
            return "late"

    assert sorted(race(*[decide] * 4)) == ["late"] * 3 + ["succeeded"]
    assert Resolution.objects.count() == 1


@pytest.fixture
def odd_refund(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method=CARD)
    sandbox.fault("wrong_amount", path="/v1/refunds$")
    return give_back(made.id, now, 1000)


def test_staff_can_settle_a_refund(odd_refund, now):
    services.resolve_refund(
        refund_id=odd_refund.id, outcome="succeeded", reason=REASON, by=BY, now=now
    )

    assert Refund.objects.get().status == "succeeded"
    assert events_of(odd_refund.charge_id) == ["charge.succeeded", "charge.refunded"]
    assert Resolution.objects.get().refund_id == odd_refund.id


def test_staff_can_fail_a_refund_and_the_amounts_are_restored(odd_refund, now):
    services.resolve_refund(
        refund_id=odd_refund.id, outcome="failed", reason=REASON, by=BY, now=now
    )

    assert Refund.objects.get().status == "failed"
    assert Charge.objects.get().amount_refunded == 0


def test_the_processor_contradicts_a_refund_that_it_never_saw(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method=CARD)
    sandbox.fault("drop_before", path="/v1/refunds$")
    row = give_back(made.id, now, 1000)
    Refund.objects.update(needs_review="asked in vain", next_attempt_at=None)

    with pytest.raises(services.EvidenceContradicts):
        services.resolve_refund(
            refund_id=row.id, outcome="succeeded", reason=REASON, by=BY, now=now
        )
    services.resolve_refund(refund_id=row.id, outcome="failed", reason=REASON, by=BY, now=now)

    assert returned_by_card() == []


def test_what_was_flagged_after_the_end_is_acknowledged(api, partner, ada, now):
    made = charged(api, "10.00")
    Charge.objects.update(needs_review="The processor says otherwise.")

    services.acknowledge(charge_id=made["id"], reason=REASON, by=BY, now=now)

    assert Charge.objects.get().needs_review == ""
    kept = Resolution.objects.get()
    assert (kept.outcome, kept.evidence) == ("acknowledged", "The processor says otherwise.")


def test_what_still_waits_for_an_outcome_cannot_be_acknowledged(differing, now):
    with pytest.raises(services.NothingToReview):
        services.acknowledge(charge_id=differing.id, reason=REASON, by=BY, now=now)


def test_a_settled_review_is_paid_like_any_other(partner, poor_ada, sandbox, now):
    made = create(partner, now)

    assert end_of(made.id) == paid(7000)


def test_while_a_worker_is_at_it_staff_decide_nothing(differing, now):
    Charge.objects.update(attempts=2, next_attempt_at=now + timedelta(seconds=60))

    with pytest.raises(services.ReviewInProgress):
        resolve(differing.id, "failed", now)

    Charge.objects.update(attempts=1, next_attempt_at=None)


def test_a_worker_that_came_meanwhile_has_the_first_word(unsure, now, monkeypatch):
    made = unsure("drop_before")
    retrieve = intents.retrieve

    def overtaken(intent_id):
        intent = retrieve(intent_id)
        monkeypatch.undo()
        services.collect(charge_id=made.id, by=BY, now=now)
        return intent

    monkeypatch.setattr(intents, "retrieve", overtaken)
    with pytest.raises(services.EvidenceContradicts):
        resolve(made.id, "failed", now)

    assert end_of(made.id) == paid(7000)


def test_a_worker_that_came_and_left_meanwhile_makes_staff_look_again(
    unsure, sandbox, now, monkeypatch
):
    made = unsure("drop_before")
    retrieve = intents.retrieve

    def overtaken(intent_id):
        intent = retrieve(intent_id)
        monkeypatch.undo()
        sandbox.fault("error_500_before", method="GET", path="payment_intents/")
        services.collect(charge_id=made.id, by=BY, now=now)
        return intent

    monkeypatch.setattr(intents, "retrieve", overtaken)
    with pytest.raises(services.ReviewInProgress):
        resolve(made.id, "failed", now)

    assert not Resolution.objects.exists()


def test_an_intent_of_a_charge_that_staff_ended_is_never_confirmed(
    partner, poor_ada, sandbox, now, monkeypatch
):
    create_intent = intents.create

    def overtaken(charge, *, customer):
        """Staff end the charge while the processor creates its intent."""
        intent = create_intent(charge, customer=customer)
        Charge.objects.update(needs_review="asked in vain", next_attempt_at=None)
        resolve(charge.id, "failed", now)
        return intent

    monkeypatch.setattr(intents, "create", overtaken)
    made = create(partner, now)

    assert end_of(made.id) == ("failed", ["charge.failed"], [], 0)


def test_a_success_that_comes_after_staff_failed_it_is_flagged(
    partner, poor_ada, sandbox, now, monkeypatch
):
    made = create(partner, now, payment_method="pm_card_chargeDeclined")
    intent = Intent(
        made.external_charge_id, "succeeded", 7000, "USD", str(made.id), amount_received=7000
    )

    charging.settle(made, classify(made, intent), None, by=BY, now=now)

    assert "succeeded" in Charge.objects.get().needs_review


def test_a_refund_that_staff_settled_can_fail_later(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method="pm_card_refundFail")
    sandbox.fault("drop_after", path="/v1/refunds$")
    row = give_back(made.id, now, 1000)
    Refund.objects.update(needs_review="asked in vain", next_attempt_at=None)
    services.resolve_refund(refund_id=row.id, outcome="succeeded", reason=REASON, by=BY, now=now)
    kept = Refund.objects.get()
    sandbox.advance_clock(3600)

    services.sync_refund(external_id=kept.external_refund_id, by=BY, now=now)

    assert Refund.objects.get().status == "failed"
    assert Charge.objects.get().amount_refunded == 0


def test_a_late_refusal_undoes_no_refund_that_succeeded(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method=CARD)
    sandbox.fault("drop_after", path="/v1/refunds$")
    row = give_back(made.id, now, 1000)
    Refund.objects.update(needs_review="asked in vain", next_attempt_at=None)
    sandbox.fault("garbage", method="GET", path="/v1/refunds")
    services.resolve_refund(refund_id=row.id, outcome="succeeded", reason=REASON, by=BY, now=now)

    refusal = Answer(Outcome.REFUSED, "No.", failure=Failure("refused", "No."))
    refunding.settle(row, refusal, None, by=BY, now=now)

    assert Refund.objects.get().status == "succeeded"
