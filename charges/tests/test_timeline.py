"""Why a charge is what it is, told from what is stored."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from charges import services, timeline
from charges.models import Charge
from charges.tests.steps import (
    CARD,
    DECLINED,
    authenticate,
    charged,
    collect,
    create,
    give_back,
    hear,
    hear_of_disputes,
    refunded,
)
from conftest import BY
from partners import services as partners
from wallets.tests.steps import open_wallet
from webhooks import services as webhooks


def told(api, charge_id):
    """(type, text) of each entry."""
    answer = api.get(f"/charges/{charge_id}/timeline")
    assert answer.status_code == 200, answer.json()
    return [(entry["type"], entry["text"]) for entry in answer.json()["entries"]]


def texts(api, charge_id, type_):
    return [text for type_told, text in told(api, charge_id) if type_told == type_]


def types(api, charge_id):
    return [type_told for type_told, _ in told(api, charge_id)]


@pytest.fixture
def mixed(api, poor_ada, sandbox):
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "percentage": "10"}]
    return charged(api, "100.00", payment_method=CARD, split_instructions=split)


def test_a_paid_charge_tells_every_step_in_order(api, mixed):
    assert types(api, mixed["id"]) == [
        "created", "decided", "attempt", "succeeded", "ledger", "shares", "event",
    ]  # fmt: skip


def test_it_says_what_the_wallet_had_and_what_was_held(api, mixed):
    (text,) = texts(api, mixed["id"], "decided")

    assert text == (
        "The wallet had 30.00 USD available: 30.00 USD held in the wallet, "
        "70.00 USD to be taken from the card."
    )


def test_it_says_what_the_card_was_asked_and_answered(api, mixed):
    assert texts(api, mixed["id"], "attempt") == [
        "Attempt 1, 70.00 USD from the card: it succeeded."
    ]


def test_it_shows_the_ledger_with_its_accounts(api, mixed):
    assert texts(api, mixed["id"], "ledger") == [
        "Posted (charge): wallet of ada -30.00, card -70.00, wallet of bob 10.00, revenue 90.00."
    ]


def test_its_data_are_numbers_for_programs(api, mixed):
    entries = api.get(f"/charges/{mixed['id']}/timeline").json()["entries"]
    (posted,) = [entry["data"] for entry in entries if entry["type"] == "ledger"]

    assert posted["entries"][0] == {
        "account": "wallet", "amount": "-30.00", "customer_id": "ada", "balance_before": "30.00",
        "balance_after": "0.00",
    }  # fmt: skip


def test_a_wallet_charge_says_that_the_wallet_covers_it(api, ada):
    made = charged(api, "60.00")

    (text,) = texts(api, made["id"], "decided")
    assert text == "The wallet had 100.00 USD available: 60.00 USD taken in the wallet."


def test_without_wallet_and_card_it_says_so(api):
    made = charged(api, "60.00")

    assert texts(api, made["id"], "decided") == [
        "No wallet could be used, and there was no card for the rest."
    ]


def test_a_decline_says_why_what_it_means_and_what_was_released(api, poor_ada, sandbox):
    made = charged(api, "100.00", payment_method="pm_card_chargeDeclinedLostCard")

    (attempt,) = texts(api, made["id"], "attempt")
    (failed,) = texts(api, made["id"], "failed")
    assert "it was declined (card_declined / lost_card): Your card was declined." in attempt
    assert "The card was reported lost. A hard decline: This card will not work" in failed
    assert failed.endswith("30.00 USD were released in the wallet.")


def test_an_unknown_charge_says_when_it_is_asked_about_again(api, partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)

    attempt = texts(api, made.id, "attempt")[0]
    again = (now + timedelta(minutes=5)).isoformat(timespec="seconds").replace("+00:00", "Z")
    assert "no answer; the money may have moved" in attempt
    assert attempt.endswith(f"Asked again at {again}.")
    assert texts(api, made.id, "next") == ["The processor is asked again."]


def test_every_attempt_is_told(api, partner, poor_ada, sandbox, now):
    sandbox.fault("rate_limit_429", path="/confirm", times=2)
    made = create(partner, now)
    for hours in (1, 2):
        collect(made.id, now + timedelta(hours=hours))

    attempts = texts(api, made.id, "attempt")
    assert [text[:10] for text in attempts] == ["Attempt 1,", "Attempt 2,", "Attempt 3,"]
    assert "nothing happened" in attempts[0]
    assert "it succeeded" in attempts[2]


def test_an_attempt_that_was_cut_off_is_told(api, partner, poor_ada, sandbox, now):
    sandbox.fault("drop_before", path="/confirm")
    made = create(partner, now)
    Charge.objects.update(attempts=2)
    collect(made.id, now + timedelta(hours=1))

    assert texts(api, made.id, "attempt.cut_off") == [
        "Attempt 2 was cut off before an answer was recorded."
    ]


def test_an_action_is_told_with_its_end(api, poor_ada, sandbox, now):
    made = charged(api, "100.00", payment_method="pm_card_authenticationRequired")
    (waits,) = texts(api, made["id"], "requires_action")
    assert "30.00 USD stay held in the wallet" in waits

    authenticate(made["id"], sandbox)
    hear("payment_intent.succeeded", made["external_charge_id"], now)

    assert "Stripe told us payment_intent.succeeded" in texts(api, made["id"], "processor_event")[0]
    assert "requires_action" not in types(api, made["id"])


def test_refunds_are_told_with_what_recipients_gave_back(api, mixed):
    api.post("/wallets/bob/debit", {"amount": "8.00"})
    made = refunded(api, mixed["id"], "50.00", reason="damaged")

    (asked,) = texts(api, mixed["id"], "refund.created")
    (ended,) = texts(api, mixed["id"], "refund.succeeded")
    assert asked.endswith("50.00 USD to the card. Reason: damaged.")
    assert ended == (f"Refund {made['id']} succeeded. bob gave back 2.00 USD and owes 3.00 USD.")
    assert "refund of 50.00 USD to the card" in texts(api, mixed["id"], "attempt")[1]


def test_a_refund_that_failed_is_told(api, mixed, sandbox, now):
    sandbox.fault("wrong_amount", path="/v1/refunds$")
    row = give_back(mixed["id"], now, 1000)
    services.resolve_refund(refund_id=row.id, outcome="failed", reason="no", by=BY, now=now)

    assert "failed (resolved_by_staff): no" in texts(api, mixed["id"], "refund.failed")[0]
    assert "on refund" in texts(api, mixed["id"], "resolution")[0]


def test_a_dispute_is_told_after_the_charge_although_stripe_counts_in_whole_seconds(
    api, poor_ada, sandbox
):
    made = charged(api, "100.00", payment_method="pm_card_createDispute")
    hear_of_disputes(made["id"], timezone.now())

    assert types(api, made["id"])[0] == "created"


def test_disputes_are_told(api, poor_ada, sandbox, now):
    made = charged(api, "100.00", payment_method="pm_card_createDispute")
    hear_of_disputes(made["id"], now)

    assert texts(api, made["id"], "dispute.opened") == [
        "A dispute of 70.00 USD was opened: fraudulent."
    ]


def test_deliveries_are_told_with_their_answers(api, partner, ada, now):
    url = "http://127.0.0.1:9/hooks?token=secret"
    webhooks.create_endpoint(
        partner_id=partner.id, url=url, event_types=[], description="", now=now
    )
    made = charged(api, "10.00")
    assert texts(api, made["id"], "delivery") == [f"charge.succeeded is sent to {url}."]

    webhooks.deliver_due()

    first = texts(api, made["id"], "delivery")[0]
    assert first.startswith(f"charge.succeeded sent to {url}, attempt 1: ")


def test_partners_are_not_told_the_names_of_staff(api, partner, poor_ada, sandbox, now):
    sandbox.fault("wrong_amount", path="/confirm")
    made = create(partner, now)
    services.resolve_charge(charge_id=made.id, outcome="succeeded", reason="Seen.", by=BY, now=now)

    (text,) = texts(api, made.id, "resolution")
    named = [e.text for e in timeline.of(Charge.objects.get(), names_staff=True)]
    assert text.startswith("Decided on the charge by the operator: succeeded. Seen. Evidence: pi_")
    assert any("by test:suite: succeeded" in t for t in named)


def test_a_person_is_awaited(api, partner, poor_ada, sandbox, now):
    sandbox.fault("wrong_amount", path="/confirm")
    made = create(partner, now)

    assert texts(api, made.id, "next")[0].startswith("It waits for a person: The processor says")


def test_a_pending_charge_waits_for_a_worker(api, poor_ada):
    body = {"customer_id": "ada", "amount": "10.00"}
    made = api.post("/charges", body, prefer="respond-async").json()

    assert told(api, made["id"])[-1] == ("next", "A worker collects it.")


def test_a_canceled_charge_says_so(api, poor_ada, sandbox):
    made = charged(api, "100.00", payment_method="pm_card_authenticationRequired")
    api.post(f"/charges/{made['id']}/cancel")

    assert texts(api, made["id"], "canceled") == [
        "The charge was canceled. 30.00 USD were released in the wallet."
    ]


def test_a_long_story_takes_no_more_queries_than_a_short_one(api, mixed):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            timeline.of(Charge.objects.get(id=mixed["id"]))
        return len(captured)

    refunded(api, mixed["id"], "1.00")
    short = queries()
    for _ in range(5):
        refunded(api, mixed["id"], "1.00")

    assert queries() == short


def test_another_partners_timeline_is_not_there(mixed, make_api, now):
    other = make_api(partners.create_partner(name="Other", now=now))

    assert other.get(f"/charges/{mixed['id']}/timeline").status_code == 404


@pytest.mark.parametrize("by", ["id", "external_charge_id"])
def test_explain_charge_prints_the_timeline(mixed, by):
    out = StringIO()

    call_command("explain_charge", mixed[by], stdout=out)

    lines = out.getvalue().splitlines()
    assert lines[0] == f"Charge {mixed['id']} of Acme: succeeded"
    assert "The wallet had 30.00 USD available" in out.getvalue()


@pytest.mark.parametrize("text", ["nothing", "01a20a6d-556b-70be-827b-6015a698696a", "pi_nothing"])
def test_explain_charge_of_nothing_is_one_sentence(committed, text):
    with pytest.raises(CommandError, match="No charge has the id"):
        call_command("explain_charge", text)


def test_a_declined_charge_has_no_shares_and_no_ledger(api, poor_ada, sandbox):
    made = charged(api, "100.00", payment_method=DECLINED)

    assert types(api, made["id"]) == ["created", "decided", "attempt", "failed", "event"]
