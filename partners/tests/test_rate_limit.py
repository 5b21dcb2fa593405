from __future__ import annotations

import time

import pytest

from partners import services
from partners.models import Partner


@pytest.fixture
def slow_partner(partner):
    Partner.objects.filter(id=partner.id).update(requests_per_minute=3)
    partner.refresh_from_db()
    return partner


@pytest.fixture(autouse=True)
def _within_one_minute():
    """The window is a minute of the clock: no test may straddle its end."""
    left = 60 - time.time() % 60
    if left < 2:
        time.sleep(left)


def statuses(api, count):
    return [api.get("/wallets").status_code for _ in range(count)]


def test_requests_beyond_the_partners_rate_are_refused(slow_partner, make_api):
    assert statuses(make_api(slow_partner), 5) == [200, 200, 200, 429, 429]


def test_a_refusal_says_when_to_come_back(slow_partner, make_api):
    api = make_api(slow_partner)
    statuses(api, 3)

    answer = api.get("/wallets")

    assert answer.json()["code"] == "rate_limited"
    assert 1 <= int(answer["Retry-After"]) <= 61


def test_the_rate_is_the_partners_over_all_its_keys(slow_partner, make_api):
    statuses(make_api(slow_partner), 3)

    assert statuses(make_api(slow_partner), 1) == [429]


def test_one_partners_rate_is_not_anothers(slow_partner, make_api, now):
    statuses(make_api(slow_partner), 4)
    other = services.create_partner(name="Other", now=now)

    assert statuses(make_api(other), 1) == [200]


def test_the_default_rate_holds_for_a_partner_without_its_own(partner, make_api, settings):
    settings.PARTNER_REQUESTS_PER_MINUTE = 2

    assert statuses(make_api(partner), 3) == [200, 200, 429]


def test_wrong_secrets_do_not_use_up_the_partners_rate(slow_partner, make_api, call):
    api = make_api(slow_partner)
    for _ in range(5):
        call(f"Bearer {api.key[:-1]}")

    assert statuses(api, 1) == [200]


def test_without_a_broker_nobody_is_refused(slow_partner, make_api, dead_broker):
    assert statuses(make_api(slow_partner), 6) == [200] * 6


def test_without_a_broker_the_api_answers_in_bounded_time(api, dead_broker):
    started = time.monotonic()

    statuses(api, 10)

    assert time.monotonic() - started < 2
