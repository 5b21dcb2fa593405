"""A pending charge that cannot be claimed is set aside by itself; all others are collected."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from charges import backoff, services
from charges.attempts import BEGUN_TOO_OFTEN, LEASE
from charges.models import Charge
from charges.tests.steps import new_charge
from conftest import BY
from wallets.tests.steps import open_wallet

POISON = 3 * 8


@pytest.fixture
def owed(api, partner, now):
    """Charges at the queue's head whose recipient is gone, and one of bob behind them."""
    open_wallet(api, "bob", "100.00")
    for number in range(POISON):
        ask(partner, f"c{number}", now - timedelta(hours=1))
    Charge.objects.update(split_shares=[{"recipient": "gone", "amount": 1}])
    return ask(partner, "bob", now)


def ask(partner, customer_id, now):
    new = new_charge(100, customer_id=customer_id)
    made = services.create(partner_id=partner.id, new=new, is_async=True, by=BY, now=now)
    return made.charge


def poison():
    return Charge.objects.exclude(customer_id="bob")


def test_others_are_collected_in_the_same_run(owed):
    services.collect_due(by=BY)

    owed.refresh_from_db()
    assert owed.status == "succeeded"


def test_within_a_run_each_is_tried_once(owed):
    services.collect_due(by=BY)

    assert set(poison().values_list("attempts", flat=True)) == {1}


def test_after_five_tries_it_is_left_to_staff(owed):
    for number in range(backoff.MAX_CUT_OFF + 1):
        with time_machine.travel(timezone.now() + number * 2 * LEASE):
            services.collect_due(by=BY)

    assert set(poison().values_list("status", "next_attempt_at", "needs_review")) == {
        ("pending", None, BEGUN_TOO_OFTEN)
    }


def test_once_it_is_mended_it_is_collected(owed, sandbox, now):
    services.collect_due(by=BY)
    poison().update(split_shares=[])

    with time_machine.travel(now + 2 * LEASE):
        services.collect_due(by=BY)

    assert set(poison().values_list("status", flat=True)) == {"succeeded"}
