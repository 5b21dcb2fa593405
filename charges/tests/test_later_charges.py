"""`Prefer: respond-async`: a worker collects it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from charges import services
from charges.models import Charge
from charges.tests.steps import (
    CARD,
    DECLINED,
    NOT_PAID,
    charge,
    create,
    end_of,
    paid,
    paid_intents,
    terminal_events,
)
from conftest import BY
from wallets.tests.steps import race, wallet_of


def later(api, amount="100.00", *, key=None, **fields):
    body = {"customer_id": "ada", "amount": amount, **fields}
    return api.post("/charges", body, key=key, prefer="respond-async")


def test_a_later_charge_is_202_pending_and_asks_nobody(api, poor_ada, no_processor):
    answer = later(api, payment_method=CARD)

    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    assert wallet_of(api, "ada")["held"] == "0.00"
    assert terminal_events(answer.json()["id"]) == []


def test_collect_due_collects_it(api, poor_ada, sandbox):
    shown = later(api, payment_method=CARD).json()

    assert services.collect_due(by=BY) == 1
    assert end_of(shown["id"]) == paid(7000)


def test_collect_due_collects_a_wallet_charge(api, ada):
    shown = later(api).json()

    services.collect_due(by=BY)

    assert end_of(shown["id"])[:2] == ("succeeded", ["charge.succeeded"])


def test_a_later_charge_may_be_declined(api, poor_ada, sandbox):
    shown = later(api, payment_method=DECLINED).json()

    services.collect_due(by=BY)

    assert end_of(shown["id"]) == NOT_PAID


def test_a_repeated_key_is_202_with_the_charge_as_it_now_stands(api, poor_ada, sandbox):
    later(api, key="k", payment_method=CARD)
    services.collect_due(by=BY)

    answer = later(api, key="k", payment_method=CARD)

    assert (answer.status_code, answer.json()["status"]) == (202, "succeeded")
    assert answer["Idempotent-Replayed"] == "true"


END = {
    "not yet": lambda api, charge: None,
    "collected": lambda api, charge: services.collect_due(by=BY),
    "canceled": lambda api, charge: api.post(f"/charges/{charge['id']}/cancel"),
}


@pytest.mark.parametrize("end", END)
def test_a_repeat_that_would_wait_is_202_as_the_first_request_was(end, api, poor_ada, sandbox):
    END[end](api, later(api, key="k", payment_method=CARD).json())

    assert charge(api, key="k", amount="100.00", payment_method=CARD).status_code == 202


PAID = {"wallet": {}, "card": {"payment_method": CARD}, "declined": {"payment_method": DECLINED}}


@pytest.mark.parametrize("by", PAID)
@pytest.mark.parametrize("amount", ["10.00", "100.00"])
def test_a_repeat_that_would_not_wait_is_201_as_the_first_request_was(
    amount, by, api, poor_ada, sandbox
):
    charge(api, amount, key="k", **PAID[by])

    assert later(api, amount, key="k", **PAID[by]).status_code == 201


def test_collect_due_does_nothing_twice(api, poor_ada, sandbox):
    later(api, payment_method=CARD)

    services.collect_due(by=BY)

    assert services.collect_due(by=BY) == 0
    assert paid_intents() == [7000]


def test_four_sweeps_at_once_collect_each_charge_once(api, ada, sandbox):
    for _ in range(12):
        later(api, "20.00", payment_method=CARD)

    collected = race(*[lambda: services.collect_due(by=BY)] * 4)

    assert sum(collected) == 12
    assert paid_intents() == [2000] * 7
    assert set(Charge.objects.values_list("status", flat=True)) == {"succeeded"}


def test_collect_due_leaves_what_is_not_due(api, partner, poor_ada, sandbox, now):
    sandbox.fault("drop_before", path="/confirm")
    made = create(partner, now)

    assert services.collect_due(by=BY) == 0
    assert Charge.objects.get(id=made.id).status == "unknown"


def test_collect_due_takes_up_what_became_due(api, partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now - timedelta(minutes=5))

    assert services.collect_due(by=BY) == 1
    assert end_of(made.id) == paid(7000)


def test_recover_charges_asks_about_everything_unfinished(api, partner, poor_ada, sandbox, now):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)
    out = StringIO()

    call_command("recover_charges", stdout=out)

    assert end_of(made.id) == paid(7000)
    assert "1 unfinished charges: 1 succeeded." in out.getvalue()
