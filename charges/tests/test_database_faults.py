"""Charges and refunds when PostgreSQL breaks under them: nothing lost, nothing doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
import pytest
from django.conf import settings
from django.db import connection

from charges.models import Charge, Refund
from charges.processor import charges as charge_processor
from charges.processor import refunds as refund_processor
from charges.services import charging, refunding
from charges.settlement import charges as charge_settlement
from charges.settlement import refunds as refund_settlement
from charges.tests.cutting_proxy import CuttingProxy
from charges.tests.steps import (
    CARD,
    charge,
    charged,
    end_of,
    events_of,
    paid,
    refund,
    returned_by_card,
)
from wallets.tests.steps import open_wallet, wallet_of

pytestmark = pytest.mark.usefixtures("poor_ada", "sandbox")


@contextmanager
def another_session() -> Iterator[psycopg2.extensions.cursor]:
    """A cursor of a connection of its own, in a transaction that ends with the block."""
    given = connection.get_connection_params() | {"cursor_factory": None}
    session = psycopg2.connect(**{k: v for k, v in given.items() if k != "context"})
    try:
        yield session.cursor()
    finally:
        session.close()


def cut_connection():
    """The server ends our session, as when it restarts."""
    pid = connection.connection.info.backend_pid
    with another_session() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


PASSING = (
    charging, refunding, charge_processor, refund_processor, charge_settlement, refund_settlement,
)  # fmt: skip
"""Modules that pass kill points."""


@pytest.fixture
def cut_at(monkeypatch):
    """`cut_at(name)`: the next time the kill point is passed, the connection is cut there."""

    def order(name):
        armed = [True]

        def killpoint(passed):
            if passed == name and armed:
                armed.clear()
                cut_connection()

        for module in PASSING:
            monkeypatch.setattr(module, "killpoint", killpoint)

    return order


@pytest.fixture
def proxy():
    """Our connection goes through it."""
    given = connection.settings_dict
    there = {"HOST": given["HOST"], "PORT": given["PORT"]}
    proxy = CuttingProxy(there["HOST"], int(there["PORT"]))
    connection.close()
    given.update(HOST="127.0.0.1", PORT=proxy.port)
    yield proxy
    connection.close()
    given.update(there)
    proxy.close()


@pytest.mark.parametrize("name", ["charge.before_claim_commits", "charge.before_settle_commits"])
def test_a_connection_cut_before_a_commit_is_503_and_the_retry_ends_it(api, cut_at, name):
    cut_at(name)

    first = charge(api, payment_method=CARD, key="k")
    again = charge(api, payment_method=CARD, key="k")

    assert (first.status_code, first.json()["code"]) == (503, "unavailable")
    assert first["Retry-After"]
    assert again.status_code == 201
    if again.json()["status"] != "succeeded":
        _leave_time()
        again = charge(api, payment_method=CARD, key="k")
    assert end_of(again.json()["id"]) == paid(7000)


def _leave_time():
    """The lease of the cut request is over."""
    Charge.objects.update(next_attempt_at=Charge.objects.get().created_at)


@pytest.mark.parametrize("number", [1, 2], ids=["claim", "settle"])
def test_a_lost_answer_to_a_commit_is_503_and_the_retry_reads_what_became_of_it(api, proxy, number):
    proxy.lose_commit(number)
    first = charge(api, payment_method=CARD, key="k")
    _leave_time()

    again = charge(api, payment_method=CARD, key="k")

    assert proxy.lost == 1
    assert (first.status_code, again.status_code) == (503, 201)
    assert end_of(again.json()["id"]) == paid(7000)


def test_a_refund_whose_answer_to_a_commit_was_lost_is_made_once(api, proxy):
    made = charged(api, payment_method=CARD)
    proxy.lose_commit(1)
    first = refund(api, made["id"], "20.00", key="k")
    _refund_lease_is_over()

    again = refund(api, made["id"], "20.00", key="k")

    assert proxy.lost == 1
    assert (first.status_code, again.status_code) == (503, 201)
    assert returned_by_card() == [2000]


@pytest.mark.parametrize("name", ["refund.before_claim_commits", "refund.before_settle_commits"])
def test_a_refund_whose_connection_is_cut_is_503_and_the_retry_ends_it(api, cut_at, name):
    made = charged(api, payment_method=CARD)
    cut_at(name)

    first = refund(api, made["id"], "20.00", key="k")
    _refund_lease_is_over()
    again = refund(api, made["id"], "20.00", key="k")

    assert (first.status_code, again.status_code) == (503, 201)
    assert again.json()["status"] == "succeeded"
    assert returned_by_card() == [2000]
    assert events_of(made["id"]) == ["charge.succeeded", "charge.refunded"]


def _refund_lease_is_over():
    for row in Refund.objects.all():
        Refund.objects.filter(id=row.id).update(next_attempt_at=row.created_at)


@contextmanager
def held(sql, *parameters):
    """Rows that somebody else has locked meanwhile."""
    with another_session() as cursor:
        cursor.execute(sql, parameters)
        yield


@pytest.fixture
def impatient_locks():
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '10s'")


def test_a_lock_that_is_not_had_in_time_is_503_and_writes_nothing(api, impatient_locks):
    with held("SELECT * FROM wallets_wallet WHERE customer_id = 'ada' FOR UPDATE"):
        first = charge(api, payment_method=CARD, key="k")

    again = charge(api, payment_method=CARD, key="k")

    assert (first.status_code, first.json()["code"]) == (503, "unavailable")
    assert end_of(again.json()["id"]) == paid(7000)


def test_a_refund_that_waits_in_vain_for_its_charge_is_503(api, impatient_locks):
    made = charged(api, payment_method=CARD)
    with held("SELECT * FROM charges_charge WHERE id = %s FOR UPDATE", made["id"]):
        first = refund(api, made["id"], "20.00", key="k")

    again = refund(api, made["id"], "20.00", key="k")

    assert (first.status_code, again.status_code) == (503, 201)
    assert returned_by_card() == [2000]


def _wait_until_somebody_waits(cursor):
    """A request of ours is blocked by the session of the cursor."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"
    deadline = time.monotonic() + 10
    count = 0
    while not count:
        assert time.monotonic() < deadline, "nobody ever waited"
        cursor.execute(waiting, [cursor.connection.info.backend_pid])
        (count,) = cursor.fetchone()


def test_the_victim_of_a_deadlock_is_503_and_its_retry_works(api):
    """Somebody's SQL locks wallets against the order of the house."""
    open_wallet(api, "bob")
    split = [{"recipient": "bob", "amount": "5.00"}]
    locked = threading.Event()
    sql = "SELECT * FROM wallets_wallet WHERE customer_id = %s FOR UPDATE"

    def lock_against_the_order():
        with another_session() as cursor:
            cursor.execute("SET deadlock_timeout = '20s'")
            cursor.execute(sql, ["bob"])
            locked.set()
            _wait_until_somebody_waits(cursor)
            cursor.execute(sql, ["ada"])

    other = threading.Thread(target=lock_against_the_order)
    other.start()
    locked.wait(10)
    first = charge(api, "10.00", split_instructions=split, key="k")
    other.join(20)

    again = charge(api, "10.00", split_instructions=split, key="k")

    assert first.status_code == 503
    assert (again.status_code, again.json()["status"]) == (201, "succeeded")
    assert wallet_of(api, "bob")["balance"] == "5.00"


def test_connections_are_not_asked_for_their_health_before_each_request():
    """What makes the one request that meets a dead connection a 503 (docs/decisions/0003)."""
    assert settings.DATABASES["default"]["CONN_HEALTH_CHECKS"] is False
