"""`reconcile_stripe`: both sides agree, or every difference is named."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from charges import services
from charges.gateway.client import client
from charges.models import Charge, Refund, Resolution
from charges.tests.steps import (
    CARD,
    authenticate,
    create,
    disputes_of,
    end_of,
    events_of,
    give_back,
    hear_of_disputes,
    paid,
)
from conftest import BY
from wallets.tests.corruption import corrupted

MANY = 2000
NOTHING = {"intents": 0, "refunds": 0, "disputes": 0, "differences": []}
OTHER_AMOUNT = "UPDATE charges_refund SET amount = 99, external_amount = 99, external_leg = 99"
AUTOMATIC = {"enabled": True, "allow_redirects": "never"}


def reconcile(*arguments):
    """(exit code, report)."""
    out = StringIO()
    try:
        call_command("reconcile_stripe", "--json", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def kinds(*arguments):
    code, report = reconcile(*arguments)
    assert (code == 0) == report["ok"]
    return sorted(difference["kind"] for difference in report["differences"])


def by_card(partner, now, amount=1000, **fields):
    return create(partner, now, amount=amount, use_wallet=False, **fields)


def paid_elsewhere(**fields):
    """An intent that succeeded at Stripe without us."""
    params = {
        "amount": 1000,
        "currency": "usd",
        "payment_method": CARD,
        "confirm": True,
        "automatic_payment_methods": AUTOMATIC,
    }
    return client().v1.payment_intents.create(params=params | fields)


@pytest.fixture
def made(partner, sandbox, now):
    return by_card(partner, now)


def test_an_empty_account_agrees(partner, sandbox):
    assert reconcile() == (0, {"ok": True, **NOTHING})


def test_what_went_well_agrees(partner, poor_ada, sandbox, now):
    create(partner, now)
    declined = create(partner, now, payment_method="pm_card_chargeDeclined")
    give_back(by_card(partner, now).id, now, 300)

    code, report = reconcile()

    assert (code, report["differences"], declined.status) == (0, [], "failed")
    assert (report["intents"], report["refunds"]) == (3, 1)


def test_a_stray_unconfirmed_intent_is_no_difference(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/v1/payment_intents$")
    made = create(partner, now)
    services.collect(charge_id=made.id, by=BY, now=now + timedelta(hours=1))

    assert kinds() == []


def test_an_intent_that_nobody_knows_here(partner, sandbox):
    paid_elsewhere()

    assert kinds() == ["unknown_intent"]


def test_an_intent_in_a_currency_that_iso_has_withdrawn_is_still_named(partner, sandbox):
    paid_elsewhere(currency="bgn")

    assert reconcile()[1]["differences"][0]["there"] == "succeeded 10.00 BGN"


def test_a_second_intent_that_succeeded_for_a_charge(made, sandbox):
    paid_elsewhere(metadata={"charge_id": str(made.id)})

    assert kinds() == ["doubly_charged"]


def test_a_charge_that_the_processor_does_not_know(made, sandbox):
    sandbox.reset()

    assert kinds() == ["intent_missing"]


def test_another_amount_there(partner, sandbox, now):
    made = by_card(partner, now)
    with corrupted(
        "charges_charge", "UPDATE charges_charge SET amount = 999, external_amount = 999"
    ):
        assert kinds() == ["amount_differs"]
    assert made.status == "succeeded"


def test_the_wrong_intent_on_a_charge(partner, sandbox, now):
    made = by_card(partner, now)
    client().v1.payment_intents.update(
        made.external_charge_id, params={"metadata": {"charge_id": "another"}}
    )

    assert kinds() == ["charge_differs"]


def test_collected_there_only(made):
    gone = "UPDATE charges_charge SET status = 'failed', succeeded_at = NULL, failed_at = now()"
    with corrupted("charges_charge", gone):
        assert kinds() == ["collected_there_only"]


def test_collected_here_only(partner, poor_ada, sandbox, now):
    create(partner, now, payment_method="pm_card_chargeDeclined")
    done = "UPDATE charges_charge SET status = 'succeeded', succeeded_at = now(), failed_at = NULL"
    with corrupted("charges_charge", done):
        assert kinds() == ["collected_here_only"]


def test_what_is_only_unsettled_here(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    create(partner, now)

    assert kinds() == ["unsettled"]


def test_what_is_unsettled_is_repaired_on_record(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)

    code, report = reconcile("--fix-safe")

    assert (code, report["differences"][0]["is_repaired"]) == (0, True)
    assert end_of(made.id) == paid(7000)
    assert Resolution.objects.get().outcome == "repaired"
    assert kinds() == []


def test_nothing_else_is_repaired(partner, sandbox):
    paid_elsewhere()

    code, report = reconcile("--fix-safe")

    assert (code, report["differences"][0]["is_repaired"]) == (1, False)
    assert not Resolution.objects.exists()


def test_a_cardholder_who_is_awaited_is_no_difference(partner, poor_ada, sandbox, now):
    made = create(partner, now, payment_method="pm_card_authenticationRequired")
    assert kinds() == []

    authenticate(made.id, sandbox)

    assert kinds() == ["unsettled"]


def test_a_charge_that_somebody_is_at_is_no_difference(partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)
    Charge.objects.filter(id=made.id).update(attempts=2, next_attempt_at=now + timedelta(hours=1))

    assert kinds() == []


def test_a_refund_that_was_made_there(made, sandbox):
    client().v1.refunds.create(params={"payment_intent": made.external_charge_id, "amount": 100})

    assert kinds() == ["refund_made_there"]


def test_a_refund_of_an_intent_that_nobody_knows_here(committed, sandbox):
    elsewhere = paid_elsewhere()
    client().v1.refunds.create(params={"payment_intent": elsewhere.id, "amount": 100})

    assert kinds() == ["unknown_intent", "unknown_refund"]


def test_a_refund_that_the_processor_does_not_know(made, now):
    give_back(made.id, now, 100)
    other = "UPDATE charges_refund SET external_refund_id = 're_nothing', id = gen_random_uuid()"
    with corrupted("charges_refund", other):
        assert kinds() == ["refund_made_there", "refund_missing"]


def test_another_amount_of_a_refund_there(made, now):
    give_back(made.id, now, 100)
    with corrupted("charges_refund", OTHER_AMOUNT):
        assert kinds() == ["refund_amount_differs"]


def test_a_refund_that_is_only_unsettled_here_is_repaired(made, sandbox, now):
    sandbox.fault("drop_after", path="/v1/refunds$")
    give_back(made.id, now, 100)
    assert kinds() == ["refund_unsettled"]

    code, _ = reconcile("--fix-safe")

    assert (code, Refund.objects.get().status) == (0, "succeeded")


def test_a_refund_that_failed_there_later_is_repaired(partner, sandbox, now):
    made = by_card(partner, now, payment_method="pm_card_refundFail")
    row = give_back(made.id, now, 100)
    sandbox.advance_clock(3600)
    assert kinds() == ["refund_failed_there"]

    code, _ = reconcile("--fix-safe")

    assert (code, Refund.objects.get().status) == (0, "failed")
    assert events_of(row.id) == ["refund.failed"]


def test_a_refund_that_failed_here_only(made, now):
    give_back(made.id, now, 100)
    with corrupted(
        "charges_refund", "UPDATE charges_refund SET status = 'failed', failed_at = now()"
    ):
        assert kinds() == ["refund_succeeded_there"]


@pytest.fixture
def disputed(partner, sandbox, now):
    return by_card(partner, now, payment_method="pm_card_createDispute")


def test_a_dispute_of_which_no_callback_told_us_is_repaired(disputed, now):
    assert kinds() == ["dispute_unsettled"]

    code, _ = reconcile("--fix-safe")

    disputed.refresh_from_db()
    assert (code, disputed.dispute_status) == (0, "needs_response")
    assert kinds() == []


def test_a_dispute_whose_end_we_have_missed_is_repaired(disputed, sandbox, now):
    hear_of_disputes(disputed.id, now)
    assert kinds() == []
    sandbox.close_dispute(disputes_of(disputed.id)[0], "lost")
    assert kinds() == ["dispute_unsettled"]

    reconcile("--fix-safe")

    disputed.refresh_from_db()
    assert (disputed.dispute_status, disputed.external_reversed) == ("lost", 1000)


def test_a_dispute_of_a_stranger_is_no_difference_of_its_own(partner, sandbox):
    paid_elsewhere(payment_method="pm_card_createDispute")

    assert kinds() == ["unknown_intent"]


def test_since_leaves_out_what_was_before(made, sandbox, now):
    paid_elsewhere()

    assert kinds("--since", (now + timedelta(days=1)).isoformat()) == []
    assert kinds("--since", (now - timedelta(days=1)).isoformat()) == ["unknown_intent"]
    assert kinds("--since", now.date().isoformat()) == ["unknown_intent"]


def test_since_finds_an_intent_that_is_older_than_its_charge_seems(made, sandbox, now):
    sandbox.advance_clock(7200)
    assert kinds("--since", (now - timedelta(seconds=1)).isoformat()) == []


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "1"])
def test_a_since_that_is_no_date_is_one_sentence(committed, sandbox, since):
    with pytest.raises(CommandError, match="ISO 8601"):
        reconcile("--since", since)


def test_a_processor_that_is_away_is_one_sentence(made, sandbox):
    sandbox.fault("error_500_before", method="GET", path="/v1/payment_intents")

    with pytest.raises(CommandError, match="Stripe does not answer"):
        reconcile()


def test_the_report_reads_well(made, sandbox):
    paid_elsewhere()
    out = StringIO()

    with pytest.raises(SystemExit):
        call_command("reconcile_stripe", stdout=out)

    first, last = out.getvalue().splitlines()
    assert first.startswith("DIFFERS   unknown_intent: here nothing, there succeeded 10.00 USD")
    assert last == "Compared: 2 intents, 0 refunds, 0 disputes. Differences: 1."


def charged_at_once(partner, now, count):
    def work(number):
        try:
            return [by_card(partner, now, amount=1000 + n) for n in range(number, count, 4)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        return [made for part in pool.map(work, range(4)) for made in part]


def test_of_2000_charges_exactly_the_five_planted_differences_are_found(partner, sandbox, now):
    charges = charged_at_once(partner, now, MANY - 1)
    declined = by_card(partner, now, payment_method="pm_card_chargeDeclined")
    give_back(charges[4].id, now, 100)
    misstated, forgotten, twice, generous = (str(charge.id) for charge in charges[:4])

    paid_elsewhere(metadata={"charge_id": twice})
    client().v1.refunds.create(params={"payment_intent": charges[3].external_charge_id})
    change = f"""UPDATE charges_charge SET
        amount = amount + (id = '{misstated}')::int,
        external_amount = external_amount + (id = '{misstated}')::int,
        status = CASE id WHEN '{forgotten}' THEN 'failed' WHEN '{declined.id}' THEN 'succeeded'
            ELSE status END,
        failed_at = CASE id WHEN '{forgotten}' THEN now() END,
        succeeded_at = CASE WHEN id <> '{forgotten}' THEN now() END"""
    with corrupted("charges_charge", change):
        code, report = reconcile()

    assert (code, report["intents"], report["refunds"]) == (1, MANY + 1, 2)
    assert {d["kind"]: d["charge_id"] for d in report["differences"]} == {
        "amount_differs": misstated,
        "collected_there_only": forgotten,
        "collected_here_only": str(declined.id),
        "doubly_charged": twice,
        "refund_made_there": generous,
    }
    assert len(report["differences"]) == 5
