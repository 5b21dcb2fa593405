from __future__ import annotations

from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from installments.models import Sweep
from installments.tests import stories
from installments.tests.stories import VISA, parts, statuses
from webhooks.models import Event

MONTHS = parts((3334, "03-01"), (3333, "04-01"), (3333, "05-01"))
TRIES = ["03-01", "03-02", "03-04", "03-06", "03-08", "03-11", "03-15"]


def run(*arguments):
    out = StringIO()
    call_command("process_due_installments", *arguments, stdout=out)
    return out.getvalue()


def test_what_is_due_is_paid_and_told(agree, wallet):
    wallet("ada", 6667)
    order = agree("ada", MONTHS)

    told = run("--as-of", "2024-04-01")

    assert statuses(order) == ["paid", "paid", "pending"]
    assert "2 due" in told
    assert "2 paid by wallet" in told


def test_a_second_run_pays_nothing(agree, wallet):
    wallet("ada", 20_000)
    agree("ada", MONTHS)
    run("--as-of", "2024-04-01")

    assert "0 due" in run("--as-of", "2024-04-01")


def test_cards_are_collected_in_the_same_run(agree, sandbox):
    order = agree("ada", MONTHS, payment_method=VISA)

    told = run("--as-of", "2024-03-01")

    assert statuses(order)[0] == "paid"
    assert "1 sent to cards" in told


def test_a_card_that_declines_in_the_run_is_late_after_it(agree, sandbox):
    order = agree("ada", MONTHS, payment_method="pm_card_chargeDeclined")

    told = run("--as-of", "2024-03-02")

    assert statuses(order)[0] == "overdue"
    assert "1 became overdue" in told


def test_without_as_of_it_is_now(agree, wallet):
    wallet("ada", 20_000)
    order = agree("ada", MONTHS)

    run()

    assert statuses(order) == ["paid"] * 3


def test_a_dry_run_prints_the_parts_and_totals_and_writes_nothing(agree, wallet):
    wallet("ada", 20_000)
    order = agree("ada", MONTHS)
    yen = agree("bob", parts((500, "03-01")), currency="JPY")
    events = Event.objects.count()

    told = run("--as-of", "2024-04-01", "--dry-run")

    assert str(stories.part(order, 2).id) in told
    assert str(yen.id) in told
    assert "33.34 USD: 33.34 by wallet" in told
    assert "Would take 66.67 USD from wallets, 0.00 from cards; 0.00 could not" in told
    assert "500 JPY: neither wallet nor card covers it" in told
    assert (statuses(order), statuses(yen)) == (["pending"] * 3, ["pending"])
    assert (Event.objects.count(), Sweep.objects.count()) == (events, 0)


def test_a_dry_run_without_anything_due_says_so(committed):
    assert "nothing" in run("--dry-run")


def test_a_dry_run_honours_order_and_limit(agree):
    order, other = agree("ada", MONTHS), agree("ada", MONTHS)

    told = run("--as-of", "2024-05-01", "--dry-run", "--order", str(order.id), "--limit", "2")

    assert "66.67 could not be collected" in told
    assert str(other.id) not in told


def test_a_limit_is_kept(agree, wallet):
    wallet("ada", 20_000)
    order = agree("ada", MONTHS)

    run("--as-of", "2024-05-01", "--limit", "1")

    assert statuses(order) == ["paid", "pending", "pending"]


def test_one_order_is_collected_alone(agree, wallet):
    wallet("ada", 20_000)
    order, other = agree("ada", MONTHS), agree("ada", MONTHS)

    run("--as-of", "2024-05-01", "--order", str(order.id))

    assert (statuses(order), statuses(other)) == (["paid"] * 3, ["pending"] * 3)


def test_an_unknown_order_is_refused(committed):
    with pytest.raises(CommandError, match="There is no order"):
        run("--order", str(uuid4()))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as-of", "tomorrow"),
        ("--as-of", "2024-02-30"),
        ("--as-of", "20240301"),
        ("--as-of", "2024-03-01T09:00"),
        ("--as-of", "9999-12-31"),
        ("--order", "7"),
        ("--limit", "many"),
        ("--limit", "-1"),
        ("--dry-run", "--limit", "-1"),
    ],
)
def test_a_wrong_argument_is_a_sentence_that_names_it(committed, arguments):
    with pytest.raises(CommandError) as refused:
        run(*arguments)

    assert arguments[-2] in str(refused.value)


def test_the_report_says_the_moment_in_utc(committed):
    assert "2024-03-01 07:00 UTC" in run("--as-of", "2024-03-01T09:00+02:00")


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_runs_as_of_dates_keep_the_retry_days(agree, zone):
    order = agree("ada", parts((5000, "03-01")), timezone=zone)
    tried = [
        f"03-{day:02d}" for day in range(1, 25) if "1 due" in run("--as-of", f"2024-03-{day:02d}")
    ]

    assert tried == TRIES
    assert statuses(order) == ["failed"]


def test_a_whole_run_is_recorded(agree):
    agree("ada", MONTHS)

    run()

    sweep = Sweep.objects.get(name="installments")
    assert sweep.collected == 3
    assert sweep.started_at <= sweep.finished_at


@pytest.mark.parametrize(
    "arguments", [("--as-of", "2024-04-01"), ("--limit", "5"), ("--order", "ID")]
)
def test_a_run_over_a_part_of_the_work_does_not_stand_for_a_beat(agree, arguments):
    order_id = str(agree("ada", MONTHS).id)
    run(*(order_id if argument == "ID" else argument for argument in arguments))

    assert not Sweep.objects.exists()


def test_after_a_run_readiness_finds_it_fresh(api):
    before = api.get("/health/ready").json()["checks"]["sweep"]

    run()

    after = api.get("/health/ready")
    assert "no sweep" in before
    assert after.json()["checks"]["sweep"] == "ok"
