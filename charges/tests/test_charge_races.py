from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection

from charges.gateway import intents
from charges.gateway.client import Refused
from charges.models import Charge
from charges.tests.steps import CARD, charge, collect, create, end_of, paid, paid_intents
from wallets.tests.steps import BARRIER_SECONDS, race, wallet_of


def test_of_24_charges_of_10_on_100_exactly_10_succeed(api, ada):
    statuses = race(*[lambda: charge(api, "10.00").json()["status"]] * 24)

    assert Counter(statuses) == {"succeeded": 10, "failed": 14}
    assert wallet_of(api, "ada")["balance"] == "0.00"


def test_legs_add_up_while_the_wallet_moves(api, ada, sandbox):
    def move(door):
        return lambda: api.post(f"/wallets/ada/{door}", {"amount": "15.00"})

    def mixed():
        return charge(api, "40.00", payment_method=CARD)

    race(*[mixed, move("credit"), move("debit")] * 6)

    made = list(Charge.objects.values_list("amount", "wallet_amount", "external_amount", "status"))
    assert {(w + c, status) for _, w, c, status in made} == {(4000, "succeeded")}
    assert sorted(paid_intents()) == sorted(card for _, _, card, _ in made if card)


def test_eight_that_go_on_with_a_charge_collect_it_once(api, partner, poor_ada, sandbox, now):
    sandbox.fault("drop_before", path="/confirm")
    made = create(partner, now)

    race(*[lambda: collect(made.id, now)] * 8)
    collect(made.id, now)

    assert end_of(made.id) == paid(7000)


def test_four_answers_at_once_settle_the_charge_once(partner, poor_ada, sandbox, now, monkeypatch):
    sandbox.fault("drop_after", path="/confirm")
    made = create(partner, now)
    retrieve, everybody, arrived = intents.retrieve, threading.Barrier(4), threading.Semaphore(0)

    def retrieve_together(intent_id):
        intent = retrieve(intent_id)
        arrived.release()
        everybody.wait(BARRIER_SECONDS)
        return intent

    def go_on():
        try:
            return collect(made.id, now).status
        finally:
            connection.close()

    monkeypatch.setattr(intents, "retrieve", retrieve_together)
    with ThreadPoolExecutor(4) as pool:
        asked = []
        for _ in range(4):
            asked.append(pool.submit(go_on))
            arrived.acquire(timeout=BARRIER_SECONDS)

    assert {one.result() for one in asked} == {"succeeded"}
    assert end_of(made.id) == paid(7000)


def test_a_refusal_that_another_worker_overtook_fails_nothing(
    partner, poor_ada, sandbox, now, monkeypatch
):
    create_intent = intents.create

    def overtaken(charge, *, customer):
        """Another worker stores its intent while the processor refuses us one."""
        intent = create_intent(charge, customer=customer)
        Charge.objects.filter(id=charge.id).update(external_charge_id=intent.id)
        raise Refused("resource_missing", "No such payment method.")

    with monkeypatch.context() as patched:
        patched.setattr(intents, "create", overtaken)
        made = create(partner, now)

    assert made.status == "processing"
    assert collect(made.id, now).status == "succeeded"
    assert end_of(made.id) == paid(7000)


def test_an_intent_that_another_worker_overtook_is_not_confirmed(
    partner, poor_ada, sandbox, now, monkeypatch
):
    create_intent = intents.create

    def overtaken(charge, *, customer):
        """Ours exists, and another worker has stored its own, made after our key expired."""
        ours = create_intent(charge, customer=customer)
        sandbox.advance_clock(25 * 3600)
        theirs = create_intent(charge, customer=customer)
        Charge.objects.filter(id=charge.id).update(external_charge_id=theirs.id)
        return ours

    with monkeypatch.context() as patched:
        patched.setattr(intents, "create", overtaken)
        made = create(partner, now)

    assert (made.status, paid_intents()) == ("unknown", [])
    assert collect(made.id, now + timedelta(hours=1)).status == "succeeded"
    assert end_of(made.id) == paid(7000)


def test_crossing_splits_do_not_deadlock(api, ada):
    api.post("/wallets", {"customer_id": "bob"})
    api.post("/wallets/bob/credit", {"amount": "100.00"})

    def to(payer, recipient):
        rules = [{"recipient": recipient, "percentage": "50"}]
        body = {"customer_id": payer, "amount": "5.00", "split_instructions": rules}
        return lambda: api.post("/charges", body).json()["status"]

    assert set(race(*[to("ada", "bob"), to("bob", "ada")] * 8)) == {"succeeded"}
