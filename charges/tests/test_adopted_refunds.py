"""Refunds that were made at the processor take part in everything as ours do."""

from __future__ import annotations

import json

import pytest

from charges import services
from charges.gateway import refunds as gateway
from charges.gateway.client import client
from charges.models import Charge, Outcome, ProcessorEvent, Refund
from charges.tests.steps import (
    CARD,
    balances,
    charged,
    events_of,
    hear,
    refund,
    refund_at_the_processor,
    refunded,
)
from conftest import BY
from wallets.tests.steps import open_wallet, race, wallet_of
from webhooks.models import Event


@pytest.fixture
def make(api, sandbox):
    """A charge of 100.00 by a card; bob has 40 % of it."""

    def make(card=CARD):
        open_wallet(api, "bob")
        split = [{"recipient": "bob", "percentage": "40"}]
        return charged(api, "100.00", payment_method=card, split_instructions=split)

    return make


@pytest.fixture
def made(make):
    return make()


def shown(api, made):
    (only,) = api.get(f"/charges/{made['id']}/refunds").json()["results"]
    return only


def flag_of(made):
    return Charge.objects.get(id=made["id"]).needs_review


def test_it_is_posted_with_its_shares_given_back(api, made, now):
    hear("refund.created", refund_at_the_processor(made["id"], 5000), now)

    assert wallet_of(api, "bob")["balance"] == "20.00"
    assert balances() == {
        ("card", "USD"): -5000, ("wallet", "USD"): 2000, ("revenue", "USD"): 3000,
    }  # fmt: skip


def test_it_is_shown_as_the_processors(api, made, now):
    refund_id = refund_at_the_processor(made["id"], reason="fraudulent")
    hear("refund.created", refund_id, now)

    row = shown(api, made)
    assert (row["origin"], row["refund_to"], row["status"]) == ("processor", "card", "succeeded")
    assert (row["external_refund_id"], row["reason"]) == (refund_id, "fraudulent")
    assert api.get(f"/charges/{made['id']}").json()["refund_status"] == "full"


def test_it_is_told_with_the_refund_that_it_is(api, made, now):
    hear("refund.created", refund_at_the_processor(made["id"], 5000), now)

    told = json.loads(Event.objects.get(type="charge.refunded").data)
    assert (told["id"], told["refund"]["id"]) == (made["id"], shown(api, made)["id"])
    assert told["refund"]["amount"] == "50.00"


def test_every_callback_about_it_is_the_same_refund(made, now):
    refund_id = refund_at_the_processor(made["id"], 5000)

    for type_ in ("refund.created", "refund.updated", "charge.refund.updated"):
        hear(type_, refund_id, now)

    assert Refund.objects.count() == 1
    assert events_of(made["id"]) == ["charge.succeeded", "charge.refunded"]


def test_eight_callbacks_at_once_adopt_it_once(made, now):
    refund_id = refund_at_the_processor(made["id"], 5000)

    race(*[lambda: services.sync_refund(external_id=refund_id, by=BY, now=now)] * 8)

    assert Refund.objects.get().status == "succeeded"
    assert events_of(made["id"]).count("charge.refunded") == 1


def test_ours_is_not_adopted_by_its_own_callback(api, made, now):
    ours = refunded(api, made["id"], "50.00")

    hear("refund.created", ours["external_refund_id"], now)

    assert shown(api, made)["origin"] == "api"


def test_a_late_one_waits_and_succeeds(make, sandbox, now):
    made = make("pm_card_pendingRefund")
    refund_id = refund_at_the_processor(made["id"])
    hear("refund.created", refund_id, now)
    assert Refund.objects.get().status == "pending"

    sandbox.advance_clock(60)
    hear("refund.updated", refund_id, now)

    assert Refund.objects.get().status == "succeeded"


def test_one_that_fails_later_is_undone(api, make, sandbox, now):
    made = make("pm_card_refundFail")
    refund_id = refund_at_the_processor(made["id"])
    hear("refund.created", refund_id, now)

    sandbox.advance_clock(60)
    hear("refund.failed", refund_id, now)

    assert shown(api, made)["status"] == "failed"
    assert wallet_of(api, "bob")["balance"] == "40.00"
    assert events_of(Refund.objects.get().id) == ["refund.failed"]


def test_one_that_is_canceled_there_is_undone(api, make, now):
    made = make("pm_card_pendingRefund")
    refund_id = refund_at_the_processor(made["id"])
    hear("refund.created", refund_id, now)

    client().v1.refunds.cancel(refund_id)
    hear("refund.updated", refund_id, now)

    assert shown(api, made)["status"] == "failed"
    assert Charge.objects.get().external_refunded == 0


def test_one_that_failed_before_it_was_heard_of_is_nothing(make, sandbox, now):
    made = make("pm_card_refundFail")
    refund_id = refund_at_the_processor(made["id"])
    sandbox.advance_clock(60)

    hear("refund.failed", refund_id, now)

    assert not Refund.objects.exists()


def test_while_ours_holds_the_same_money_it_waits_for_that(api, make, sandbox, now):
    made = make()
    sandbox.fault("drop_before", path="/v1/refunds$")
    ours = refund(api, made["id"]).json()
    refund_id = refund_at_the_processor(made["id"])
    hear("refund.created", refund_id, now)
    assert ProcessorEvent.objects.get().next_attempt_at > now
    assert flag_of(made) == ""

    services.complete_refund(refund_id=ours["id"], by=BY, now=now)
    services.sync_refund(external_id=refund_id, by=BY, now=now)

    outcomes = Refund.objects.order_by("id").values_list("origin", "status")
    assert list(outcomes) == [("api", "failed"), ("processor", "succeeded")]


def other(monkeypatch, **values):
    """The processor says otherwise than this sandbox can."""
    read = gateway._read
    monkeypatch.setattr(gateway, "_read", lambda raw: read(raw.to_dict() | values))


@pytest.mark.parametrize("values", [{"amount": 10001}, {"currency": "eur"}])
def test_what_does_not_fit_is_for_staff(made, now, monkeypatch, values):
    refund_id = refund_at_the_processor(made["id"], 5000)
    other(monkeypatch, **values)

    hear("refund.created", refund_id, now)

    assert refund_id in flag_of(made)
    assert not Refund.objects.exists()


def test_one_of_a_stranger_is_nothing_to_us(made, now):
    params = {"amount": 500, "currency": "usd", "payment_method": CARD, "confirm": True}
    params["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
    stranger = client().v1.payment_intents.create(params=params)
    made_there = client().v1.refunds.create(params={"payment_intent": stranger.id})

    assert services.sync_refund(external_id=made_there.id, by=BY, now=now)[0] is None


def test_the_repair_adopts_what_no_callback_told(made, now):
    refund_at_the_processor(made["id"], 5000)
    reconcile = {"since": None, "by": BY, "now": now}

    (found,) = services.reconcile(is_repairing=False, **reconcile).differences
    (repaired,) = services.reconcile(is_repairing=True, **reconcile).differences

    assert (found.kind, str(found.charge_id)) == ("refund_made_there", made["id"])
    assert repaired.is_repaired
    assert services.reconcile(is_repairing=False, **reconcile).differences == []


def test_the_timeline_says_where_it_was_made(api, made, now):
    refund_id = refund_at_the_processor(made["id"], 5000)
    hear("refund.created", refund_id, now)

    entries = api.get(f"/charges/{made['id']}/timeline").json()["entries"]
    assert f"made at the processor ({refund_id})" in " ".join(entry["text"] for entry in entries)


def test_a_refusal_that_may_pass_waits_and_shows_why(api, made, sandbox):
    sandbox.fault("balance_insufficient", path="/v1/refunds$")

    waiting = refunded(api, made["id"])

    assert (waiting["status"], waiting["failure"]["code"]) == ("pending", "balance_insufficient")
    row = Refund.objects.get()
    assert row.next_attempt_at
    assert row.needs_review == ""
    assert row.card_attempts.get().outcome == Outcome.REFUSED_FOR_NOW


def test_once_the_balance_covers_it_the_refund_succeeds(api, made, sandbox, now):
    sandbox.fault("balance_insufficient", path="/v1/refunds$")
    waiting = refunded(api, made["id"])

    services.complete_refund(refund_id=waiting["id"], by=BY, now=now)

    assert (shown(api, made)["status"], shown(api, made)["failure"]) == ("succeeded", None)
