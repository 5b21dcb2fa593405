"""How long a charge without an outcome waits, and when staff see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from charges import backoff
from charges.models import Charge
from charges.tests.steps import collect, create, end_of, paid

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UNKNOWN = [5 * MINUTE, HOUR, DAY, DAY, DAY, DAY, DAY]
START = datetime(2026, 1, 1, tzinfo=UTC)
NOT_EXECUTED = [minutes * MINUTE for minutes in (5, 10, 20, 40, 80)]


def waits(made, now):
    """How long it waited each time, until nobody asks any more."""
    gaps = []
    while made.next_attempt_at:
        gaps.append(made.next_attempt_at - now)
        now = made.next_attempt_at
        made = collect(made.id, now)
    return gaps, made


@pytest.fixture
def stuck(partner, poor_ada, sandbox, now):
    """A charge whose processor answers 500 for ever, at the end of its ladder."""
    sandbox.fault("error_500_before", method="GET", times=99)
    sandbox.fault("error_500_before", times=99)
    return waits(create(partner, now), now)


def test_an_unknown_charge_is_asked_about_after_5_minutes_an_hour_and_5_days_daily(stuck):
    assert stuck[0] == UNKNOWN


def test_at_the_end_staff_see_it_and_its_hold_stays(api, stuck):
    _, made = stuck

    assert made.status == "unknown"
    assert "without an outcome" in made.needs_review
    assert api.get("/wallets/ada").json()["held"] == "30.00"


def test_staff_can_go_on_with_it(sandbox, stuck, now):
    sandbox.clear_faults()

    collect(stuck[1].id, now + 30 * DAY)

    assert end_of(stuck[1].id) == paid(7000)
    assert Charge.objects.get().needs_review == ""


def test_a_processor_too_busy_is_asked_at_doubling_waits(partner, poor_ada, sandbox, now):
    sandbox.fault("rate_limit_429", times=99)

    gaps, made = waits(create(partner, now), now)

    assert gaps[:5] == NOT_EXECUTED
    assert made.status == "processing"
    assert made.needs_review


@pytest.mark.parametrize("ladder", [backoff.UNKNOWN, backoff.NOT_EXECUTED])
def test_a_ladder_ends(ladder):
    assert backoff.wait(ladder, len(ladder)) == ladder[-1]
    assert backoff.wait(ladder, len(ladder) + 1) is None


@pytest.mark.parametrize(
    "wait",
    [lambda: backoff.wait(backoff.SLOW, 2), lambda: backoff.doubling(START, START + 6 * HOUR)],
    ids=["ladder", "doubling"],
)
def test_what_failed_together_does_not_come_back_together(wait, monkeypatch):
    monkeypatch.setattr(backoff, "JITTER", 0.1)

    found = {wait() for _ in range(50)}

    assert len(found) > 40
    assert all(5.4 * HOUR <= each <= 6 * HOUR for each in found)


def test_a_client_that_repeats_its_key_uses_up_no_ladder(partner, poor_ada, sandbox, now):
    sandbox.fault("error_500_before", times=99)
    made = create(partner, now, key="k")

    for seconds in range(10):
        create(partner, now + timedelta(seconds=seconds), key="k")

    made.refresh_from_db()
    assert (made.attempts, made.next_attempt_at) == (1, now + 5 * MINUTE)
