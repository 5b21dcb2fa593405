"""The sweep over Stripe's list of events: what no callback told us ends as if one had."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from charges import services
from charges.gateway.client import client
from charges.models import Charge, Dispute, EventSync, PaymentMethod, ProcessorEvent, Refund
from charges.services import event_sync
from charges.services.stripe_events import DOORS
from charges.tasks import sync_events
from charges.tests.steps import (
    authenticate,
    charged,
    disputes_of,
    end_of,
    hear,
    notice,
    paid,
    receive,
    refunded,
)
from conftest import BY
from wallets.tests.steps import race

SECURE = "pm_card_authenticationRequired"


def sync(now, **fields):
    """One run of the sweep, and what it found worked off."""
    synced = services.sync_events(now=now, **fields)
    services.process_events(by=BY)
    return synced


def put_back(**fields):
    """The lists stand where they stood so long ago."""
    EventSync.objects.update(**fields)


@pytest.fixture
def waiting(api, poor_ada, sandbox):
    """A charge that the cardholder has just completed at Stripe; no callback tells us."""
    made = charged(api, "100.00", payment_method=SECURE)
    authenticate(made["id"], sandbox)
    return made


# Every fact that only a callback tells ---------------------------------------------------------


@pytest.mark.parametrize("prefix", DOORS)
def test_every_type_that_has_a_door_is_asked_for(prefix):
    assert [name for name in event_sync.listened() if name.startswith(prefix)]


def test_only_types_that_have_a_door_are_asked_for():
    assert all(name.startswith(tuple(DOORS)) for name in event_sync.listened())


def test_a_passed_authentication_is_learnt_without_a_callback(waiting, now):
    sync(now)

    assert end_of(waiting["id"]) == paid(7000)


def test_a_dispute_is_learnt_without_a_callback(api, sandbox, now):
    made = charged(api, payment_method="pm_card_createDispute")

    sync(now)

    assert Charge.objects.get(id=made["id"]).dispute_status == "needs_response"


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_the_end_of_a_dispute_is_learnt_without_a_callback(api, sandbox, now, outcome):
    made = charged(api, payment_method="pm_card_createDispute")
    sync(now)
    sandbox.close_dispute(disputes_of(made["id"])[0], outcome)

    sync(now)

    assert Dispute.objects.get().status == outcome


def test_the_late_end_of_a_refund_is_learnt_without_a_callback(api, sandbox, now):
    made = charged(api, payment_method="pm_card_pendingRefund")
    refunded(api, made["id"])
    sandbox.advance_clock(60)

    sync(now)

    assert Refund.objects.get().status == "succeeded"


def test_a_refund_that_fails_later_is_learnt_without_a_callback(api, sandbox, now):
    made = charged(api, payment_method="pm_card_refundFail")
    refunded(api, made["id"])
    sandbox.advance_clock(60)

    sync(now)

    assert Refund.objects.get().status == "failed"


@pytest.fixture
def card(api, sandbox):
    """A saved card."""
    body = {"customer_id": "ada", "payment_method": "pm_card_visa"}
    api.post("/payment-methods", body)
    return PaymentMethod.objects.get()


def test_a_card_detached_at_stripe_is_learnt_without_a_callback(card, now):
    sync(now)
    client().v1.payment_methods.detach(card.external_id)

    sync(now)

    assert not PaymentMethod.objects.filter(detached_at=None).exists()


def test_a_renewed_card_is_learnt_without_a_callback(card, now):
    sync(now)
    renewed = {"card": {"exp_year": card.exp_year + 3}}
    client().v1.payment_methods.update(card.external_id, params=renewed)

    sync(now)

    assert PaymentMethod.objects.get().exp_year == card.exp_year + 3


def test_a_card_saved_on_the_partners_page_is_learnt_without_a_callback(api, sandbox, now):
    setup = api.post("/payment-methods/setup", {"customer_id": "ada"}).json()
    setup_id = setup["client_secret"].partition("_secret")[0]
    client().v1.setup_intents.confirm(setup_id, params={"payment_method": "pm_card_visa"})

    sync(now)

    assert PaymentMethod.objects.get().customer_id == "ada"


# Once, whoever told us -------------------------------------------------------------------------


def test_the_same_list_read_again_changes_nothing(waiting, now):
    sync(now)
    before = list(ProcessorEvent.objects.order_by("id").values())

    assert sync(now).missed == 0
    assert list(ProcessorEvent.objects.order_by("id").values()) == before


def test_what_a_callback_told_is_no_news(waiting, now):
    for event in client().v1.events.list(params={"limit": 100}).data:
        hear(event.type, event.data.object["id"], now, id_=event.id)
    before = ProcessorEvent.objects.count()

    assert sync(now).missed == 0
    assert ProcessorEvent.objects.count() == before
    assert {event.source for event in ProcessorEvent.objects.all()} == {"callback"}


def test_an_event_says_whether_a_callback_told_us(waiting, now):
    sync(now)
    event = ProcessorEvent.objects.get(type="payment_intent.succeeded")
    assert event.source == "list"

    is_new = receive(*notice(event.type, event.object_id, id_=event.id), now)

    event.refresh_from_db()
    assert (is_new, event.source) == (False, "late_callback")


def test_the_timeline_says_that_no_callback_told_us(api, waiting, now):
    sync(now)

    story = api.get(f"/charges/{waiting['id']}/timeline").json()["entries"]
    assert any("No callback told us" in entry["text"] for entry in story)


def test_four_runs_at_once_do_no_harm(waiting, now):
    race(*[lambda: sync(now)] * 4)

    assert end_of(waiting["id"]) == paid(7000)
    assert sync(now).missed == 0


@pytest.mark.parametrize(
    ("key", "reason"), [("sk_live_of_somebody", "It is of the other mode, test or live.")]
)
def test_an_event_of_the_other_mode_is_a_stranger_here_too(waiting, now, settings, key, reason):
    real = client()  # the sandbox takes test keys alone
    settings.STRIPE_SECRET_KEY = key
    assert client() is real

    sync(now)

    assert set(ProcessorEvent.objects.values_list("outcome", flat=True)) == {reason}
    assert Charge.objects.get().status == "requires_action"


# Where it stands -------------------------------------------------------------------------------


@pytest.fixture
def many(committed, sandbox, monkeypatch):
    """`many(count)`: so many events about cards of strangers; ten a page."""
    monkeypatch.setattr("charges.gateway.events.PAGE", 10)

    def make(count):
        cards = client().v1.payment_methods
        customer = client().v1.customers.create().id
        for _ in range(count):
            cards.attach("pm_card_visa", params={"customer": customer})

    return make


def test_what_was_read_is_not_listed_again(many, sandbox, now):
    many(35)
    sync(now)
    sandbox.advance_clock(3600)
    many(1)
    sync(now + timedelta(hours=1))

    assert sync(now + timedelta(hours=1)).listed == 1


def test_a_run_reads_a_bounded_number_of_pages_and_the_next_goes_on(many, now, monkeypatch):
    monkeypatch.setattr(event_sync, "PAGES_AT_ONCE", 2)
    many(35)

    runs = [sync(now) for _ in range(2)]

    assert [run.listed for run in runs] == [20, 15]
    assert [run.is_complete for run in runs] == [False, True]
    assert ProcessorEvent.objects.count() == 35


def test_a_run_that_is_cut_off_goes_on_below_its_last_page(many, sandbox, now):
    many(35)
    with pytest.raises(services.ProcessorUnavailable):
        _read_pages_then_fail(sandbox, now, pages=2)
    kept = ProcessorEvent.objects.count()

    assert (kept, sync(now).listed) == (20, 15)


def _read_pages_then_fail(sandbox, now, pages):
    def after(_count):
        nonlocal pages
        pages -= 1
        if pages == 0:
            sandbox.fault("error_500_before", method="GET", path="^/v1/events$")

    sync(now, progress=after)


def test_events_that_come_during_a_walk_of_several_runs_are_read(many, now, monkeypatch):
    monkeypatch.setattr(event_sync, "PAGES_AT_ONCE", 1)
    many(15)
    sync(now)
    many(15)
    for _ in range(5):
        sync(now)

    assert ProcessorEvent.objects.count() == 30


def test_an_event_that_becomes_visible_late_is_read(many, sandbox, now):
    many(1)
    late = client().v1.events.list(params={"type": "payment_method.attached"}).data[0].id
    sandbox.advance_clock(300)
    many(1)
    sync(now)
    ProcessorEvent.objects.get(id=late).delete()

    assert sync(now).missed == 1


def test_what_happened_while_we_were_away_is_read(waiting, now):
    put_back(read_until=now - timedelta(days=29))
    sync(now)

    assert end_of(waiting["id"]) == paid(7000)


@pytest.mark.parametrize("days", [1, 29])
def test_an_outage_of_up_to_thirty_days_is_caught_up(api, sandbox, now, days):
    made = charged(api, payment_method="pm_card_createDispute")
    sandbox.advance_clock(days * 86400)
    sync(now - timedelta(days=days))
    ProcessorEvent.objects.all().delete()
    put_back(read_until=now - timedelta(days=1), synced_at=now - timedelta(days=1))

    synced = sync(now + timedelta(days=days))

    assert synced.lost_since is None
    assert Charge.objects.get(id=made["id"]).dispute_status == "needs_response"


def test_a_longer_outage_is_said(waiting, now):
    sync(now)
    put_back(synced_at=now - timedelta(days=31))

    assert sync(now).lost_since == now - timedelta(days=31)
    assert sync(now).lost_since is None


def test_a_place_that_stripe_has_forgotten_is_begun_anew(waiting, now):
    sync(now)
    ProcessorEvent.objects.all().delete()
    put_back(cursor="evt_of_long_ago", walk_until=now)

    sync(now)

    assert end_of(waiting["id"]) == paid(7000)


def test_a_clock_of_stripe_that_was_ahead_of_ours_loses_nothing(sandbox, many, now):
    sandbox.advance_clock(86400)
    many(1)
    sync(now)
    sandbox.advance_clock(-86400)
    many(1)
    sync(now)

    assert ProcessorEvent.objects.count() == 2


def test_more_types_than_stripe_takes_at_once_are_asked_for_in_turn(waiting, now, monkeypatch):
    monkeypatch.setattr(event_sync, "TYPES_AT_ONCE", 3)

    sync(now)

    assert end_of(waiting["id"]) == paid(7000)
    assert EventSync.objects.count() == -(-len(event_sync.listened()) // 3)


def test_a_fresh_system_that_stripe_has_nothing_for_reads_nothing(committed, sandbox, now):
    synced = sync(now)

    assert (synced.listed, synced.missed, synced.is_complete) == (0, 0, True)


@pytest.mark.parametrize("action", ["error_500_before", "rate_limit_429", "garbage", "drop_after"])
def test_while_stripe_is_away_nothing_is_lost(waiting, sandbox, now, action):
    sandbox.fault(action, method="GET", path="^/v1/events$")
    with pytest.raises(services.ProcessorUnavailable):
        services.sync_events(now=now)

    sync(now)

    assert end_of(waiting["id"]) == paid(7000)


# The task and the command ----------------------------------------------------------------------


def test_the_sweep_runs_it(waiting):
    assert sync_events() > 0


def command(*arguments):
    out, err = StringIO(), StringIO()
    call_command("sync_stripe_events", *arguments, stdout=out, stderr=err)
    return out.getvalue()


def test_the_command_works_off_what_it_finds(waiting):
    said = command()

    missed = ProcessorEvent.objects.count()
    assert f"{missed} of them no callback had told us. Worked off: {missed}." in said
    assert end_of(waiting["id"]) == paid(7000)


def test_the_command_reads_again_from_a_moment(waiting, now):
    command()
    ProcessorEvent.objects.all().delete()
    put_back(read_until=now + timedelta(days=2))

    assert ProcessorEvent.objects.count() == 0
    command("--since", (now - timedelta(hours=1)).isoformat())
    assert ProcessorEvent.objects.count() > 0


def test_the_command_says_what_is_lost(waiting, now):
    command()
    put_back(synced_at=datetime(2020, 1, 1, tzinfo=UTC))

    with pytest.raises(SystemExit):
        command()


def test_the_command_says_that_stripe_is_away(committed, no_processor):
    with pytest.raises(CommandError, match="Stripe does not answer"):
        command()


def test_the_command_refuses_what_is_no_time(committed):
    with pytest.raises(CommandError, match="not an ISO 8601 date or time"):
        command("--since", "yesterday")
