"""Money going back: refunds and disputes."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.client import Sandbox
from devstack.tests.cards import CARD_ONLY


def pay(api: stripe.V1Services, card: str = "pm_card_visa") -> stripe.PaymentIntent:
    params: Any = {"amount": 1000, "currency": "usd", "automatic_payment_methods": CARD_ONLY}
    params |= {"payment_method": card, "confirm": True}
    return api.payment_intents.create(params)


def events_about(api: stripe.V1Services, object_id: str) -> list[str]:
    """The types of the latest events that carry this object, oldest first."""
    events = [event.to_dict() for event in api.events.list({"limit": 30}).data]
    return [e["type"] for e in reversed(events) if e["data"]["object"]["id"] == object_id]


def test_a_payment_is_refunded_in_parts_up_to_its_amount(api: stripe.V1Services) -> None:
    intent = pay(api)

    first = api.refunds.create({"payment_intent": intent.id, "amount": 400, "metadata": {"n": "1"}})
    second = api.refunds.create({"charge": str(intent.latest_charge)})

    charge = api.charges.retrieve(str(intent.latest_charge))
    listed = api.refunds.list({"payment_intent": intent.id}).data
    assert (first.amount, first.status, second.amount) == (400, "succeeded", 600)
    assert (charge.amount_refunded, charge.refunded) == (1000, True)
    assert [refund.id for refund in listed] == [second.id, first.id]
    assert api.refunds.retrieve(first.id).to_dict()["metadata"] == {"n": "1"}


def test_more_than_the_charge_is_not_refunded(api: stripe.V1Services) -> None:
    intent = pay(api)

    with pytest.raises(
        stripe.InvalidRequestError, match=r"\$10.01\) is greater than charge amount"
    ):
        api.refunds.create({"payment_intent": intent.id, "amount": 1001})

    assert api.refunds.list({"payment_intent": intent.id}).data == []


def test_more_than_what_is_left_is_not_refunded(api: stripe.V1Services) -> None:
    intent = pay(api)
    api.refunds.create({"payment_intent": intent.id, "amount": 700})

    with pytest.raises(
        stripe.InvalidRequestError, match="greater than unrefunded amount"
    ) as refused:
        api.refunds.create({"payment_intent": intent.id, "amount": 301})

    assert refused.value.param == "amount"


def test_a_refunded_payment_is_not_refunded_again(api: stripe.V1Services) -> None:
    intent = pay(api)
    api.refunds.create({"payment_intent": intent.id})

    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": intent.id})

    assert refused.value.code == "charge_already_refunded"


def test_an_unpaid_intent_is_not_refunded(api: stripe.V1Services) -> None:
    intent = api.payment_intents.create({"amount": 1000, "currency": "usd"})

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        api.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        api.refunds.create({"amount": 1})


def test_a_pending_refund_succeeds_later(sandbox: Sandbox, api: stripe.V1Services) -> None:
    refund = api.refunds.create({"payment_intent": pay(api, "pm_card_pendingRefund").id})

    sandbox.advance_clock(60)

    assert refund.status == "pending"
    assert api.refunds.retrieve(refund.id).status == "succeeded"
    assert events_about(api, refund.id)[:2] == ["refund.created", "refund.updated"]


def test_a_pending_refund_can_be_canceled(api: stripe.V1Services) -> None:
    intent = pay(api, "pm_card_pendingRefund")
    refund = api.refunds.create({"payment_intent": intent.id})

    canceled = api.refunds.cancel(refund.id)

    assert canceled.status == "canceled"
    assert api.charges.retrieve(str(intent.latest_charge)).amount_refunded == 0
    with pytest.raises(stripe.InvalidRequestError, match="cannot cancel"):
        api.refunds.cancel(refund.id)


def test_a_refund_may_fail_later(sandbox: Sandbox, api: stripe.V1Services) -> None:
    intent = pay(api, "pm_card_refundFail")
    refund = api.refunds.create({"payment_intent": intent.id})

    sandbox.advance_clock(60)

    failed = api.refunds.retrieve(refund.id)
    assert refund.status == "succeeded"
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert events_about(api, refund.id)[-1] == "refund.failed"
    assert not api.charges.retrieve(str(intent.latest_charge)).refunded


def test_a_disputed_payment_carries_its_dispute(api: stripe.V1Services) -> None:
    intent = pay(api, "pm_card_createDispute")

    dispute = api.disputes.list({"payment_intent": intent.id}).data[0]

    assert intent.status == "succeeded"
    assert api.charges.retrieve(str(intent.latest_charge)).disputed
    assert (dispute.amount, dispute.status, dispute.charge) == (
        1000,
        "needs_response",
        intent.latest_charge,
    )
    assert events_about(api, dispute.id)[0] == "charge.dispute.created"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_disputed"


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_the_bank_ends_a_dispute(sandbox: Sandbox, api: stripe.V1Services, outcome: str) -> None:
    intent = pay(api, "pm_card_createDispute")
    dispute = api.disputes.list({"payment_intent": intent.id}).data[0]

    sandbox.close_dispute(dispute.id, outcome)

    types = events_about(api, dispute.id)
    assert api.disputes.retrieve(dispute.id).status == outcome
    assert "charge.dispute.closed" in types
    assert ("charge.dispute.funds_reinstated" in types) == (outcome == "won")


def test_an_accepted_dispute_is_lost(api: stripe.V1Services) -> None:
    intent = pay(api, "pm_card_createDispute")
    dispute = api.disputes.list({"payment_intent": intent.id}).data[0]

    assert api.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        api.disputes.close(dispute.id)


def test_evidence_sends_a_dispute_to_review(api: stripe.V1Services) -> None:
    intent = pay(api, "pm_card_createDispute")
    dispute = api.disputes.list({"payment_intent": intent.id}).data[0]

    reviewed = api.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "sent"}})

    assert reviewed.status == "under_review"
    assert reviewed.evidence_details.has_evidence
