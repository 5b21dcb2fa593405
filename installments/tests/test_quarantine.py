"""A row that breaks its step keeps nothing from the others: it rests, and is set aside."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from installments.late_fees import LateFee
from installments.models import Installment
from installments.services.isolating import Work, run_in_chunks
from installments.tests import stories
from installments.tests.stories import at, daily, parts, statuses
from partners import quarantine
from partners import services as partners
from partners.models import TRIES, Quarantined
from wallets.models import Wallet

ONE = parts((1000, "03-01"))
DUE = at("03-01")
SHARED = [{"recipient": "bob", "percentage": "10"}]
ORDER, PART = "installments_installmentorder", "installments_installment"
UNREADABLE = "created_at = '294276-12-31'"
"""Beyond what Python can read."""
POISON = {
    "unknown zone": (ORDER, "timezone = 'Mars/Base'"),
    "policy without tries": (ORDER, """retry_policy = '{"name": "x"}'"""),
    "policy that is a word": (ORDER, """retry_policy = '"daily"'"""),
    "policy of words": (ORDER, """retry_policy = '{"offsets": ["a", "b", "c"]}'"""),
    "unreadable order": (ORDER, UNREADABLE),
    "unreadable part": (PART, UNREADABLE),
    "shares that are a number": (PART, "split_shares = '5'"),
    "shares without recipients": (PART, """split_shares = '[{"amount": 5}]'"""),
    "a recipient who has no wallet": (
        PART, """split_shares = '[{"recipient": "nobody", "amount": 5}]'""",
    ),
}  # fmt: skip
FEE = LateFee(amount="1.00", percentage=None, grace_days=0, cap=None)


def sql(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, parameters)


@contextmanager
def poisoned(order, table, change):
    """The order's rows of the table as `change` leaves them; as they were at the end, but for what
    became of them meanwhile.
    """
    (column,) = [change.split(" = ")[0]]
    key = "id" if table == ORDER else "order_id"
    sql(f"CREATE TABLE IF NOT EXISTS kept AS SELECT id, {column} FROM {table} WHERE {key} = %s",
        str(order.id))  # fmt: skip
    sql(f"UPDATE {table} SET {change} WHERE {key} = %s", str(order.id))
    try:
        yield
    finally:
        sql(f"UPDATE {table} t SET {column} = k.{column} FROM kept k WHERE k.id = t.id")
        sql("DROP TABLE kept")


def aside(work="collect"):
    return Quarantined.objects.get(work=work)


def id_of(order):
    """Of its first part, which may be unreadable."""
    return order.installments.order_by("id").values_list("id", flat=True)[0]


def fail_five_times():
    for minutes in (0, 1, 6, 36, 156):
        stories.sweep(DUE + timedelta(minutes=minutes))


@pytest.fixture
def held(committed):
    """`held("bob")`: somebody has the customer's wallet locked, until the test ends or says so."""
    let_go, threads = threading.Event(), []

    def hold(customer):
        is_held = threading.Event()

        def run():
            with transaction.atomic():
                Wallet.objects.select_for_update().get(customer_id=customer)
                is_held.set()
                let_go.wait(60)
            connection.close()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        assert is_held.wait(10)

        def free():
            let_go.set()
            for thread in threads:
                thread.join()

        return free

    yield hold
    let_go.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def orders(agree, wallet):
    """Of ada, bad, and zoe, in the order in which they fall due."""
    for customer in ("ada", "bad", "zoe"):
        wallet(customer, 5000)
    return [agree(customer, ONE) for customer in ("ada", "bad", "zoe")]


# Collecting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("poison", POISON)
def test_all_others_are_collected_in_the_same_run(orders, poison):
    ada, bad, zoe = orders
    with poisoned(bad, *POISON[poison]):
        swept = stories.sweep(DUE)

        assert (swept.paid, swept.failed, swept.resting >= 1) == (2, 0, True)
        assert [statuses(ada), statuses(zoe)] == [["paid"], ["paid"]]
        assert (aside().row_id, aside().failures) == (id_of(bad), 1)


def test_many_of_a_chunk_are_found_one_by_one(agree, wallet):
    wallet("ada", 50_000)
    good = agree("ada", daily(100))
    bad = agree("bad", daily(30))
    with poisoned(bad, *POISON["unknown zone"]):
        swept = stories.sweep(at("12-01"))

    assert (swept.paid, Quarantined.objects.filter(work="collect").count()) == (100, 30)
    assert set(statuses(good)) == {"paid"}


def test_it_is_told_why_and_since_when(orders):
    with poisoned(orders[1], *POISON["unknown zone"]):
        stories.sweep(DUE)

    found = aside()
    assert found.reason == "The order's time zone, Mars/Base, is not known."
    assert (found.since, found.failed_at) == (DUE, DUE)
    assert (found.model, found.partner_id) == ("installment", orders[1].partner_id)


def test_it_is_tried_five_times_each_time_later_and_no_more(orders):
    looks, failed = [0, 0.5, 1, 2, 5, 6, 7, 35, 36, 37, 155, 156, 157, 600, 400_000], []
    with poisoned(orders[1], *POISON["unknown zone"]):
        for minutes in looks:
            stories.sweep(DUE + timedelta(minutes=minutes))
            failed.append(aside().failures)

    assert failed == [1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, TRIES]
    assert aside().set_aside_at == DUE + timedelta(minutes=156)


def test_two_runs_at_once_count_one_failure(orders):
    part = stories.part(orders[1])
    for _ in range(2):
        with transaction.atomic():
            quarantine.count(
                "collect", Installment, [part.id], reason="It.", is_passing=False, now=DUE
            )

    assert aside().failures == 1


def test_what_is_mended_is_collected_and_forgotten(orders):
    with poisoned(orders[1], *POISON["unknown zone"]):
        stories.sweep(DUE)

    swept = stories.sweep(DUE + timedelta(minutes=1))

    assert swept.paid == 1
    found = aside()
    assert (found.failures, found.set_aside_at) == (0, None)


def test_who_is_asked_for_is_tried_with_all_tries(orders):
    with poisoned(orders[1], *POISON["unknown zone"]):
        fail_five_times()
    later = DUE + timedelta(days=1)
    assert stories.sweep(later).paid == 0

    partners.try_again(quarantined_id=aside().id, now=later)

    assert stories.sweep(later).paid == 1


def test_a_rest_that_a_wrong_clock_gave_is_none(orders):
    with poisoned(orders[1], *POISON["unknown zone"]):
        stories.sweep(DUE)
    Quarantined.objects.update(rests_until=DUE + timedelta(days=400))

    assert stories.sweep(DUE).paid == 1


def test_a_fault_of_the_server_is_not_the_rows(orders):
    def die(found):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return Counter()

    parts_ = Installment.objects.order_by("id")
    work = Work("die", parts_, lambda rows, limit: list(rows[:limit]), die, lambda rows: {})
    with pytest.raises(OperationalError):
        list(run_in_chunks(work, now=DUE))
    connection.close()

    assert not Quarantined.objects.exists()


# Locked wallets -----------------------------------------------------------------------------------


def test_a_wallet_that_stays_locked_keeps_nothing_from_others(orders, held):
    held("bad")

    swept = stories.sweep(DUE)

    assert (swept.paid, statuses(orders[1])) == (2, ["overdue"] if swept.overdue else ["pending"])
    assert "locked by somebody else" in aside().reason


def test_it_is_collected_by_a_later_run_once_it_is_free(orders, held):
    free = held("bad")
    stories.sweep(DUE)
    free()

    assert stories.sweep(DUE).paid == 0
    assert stories.sweep(DUE + timedelta(minutes=1)).paid == 1


def test_one_that_stays_locked_is_shown_and_tried_again_by_itself(orders, held):
    free = held("bad")
    fail_five_times()
    free()

    assert aside().set_aside_at == DUE + timedelta(minutes=156)
    assert stories.sweep(aside().rests_until).paid == 1


def test_a_wallet_that_all_need_is_waited_for_a_few_times_in_all(agree, wallet, held):
    wallet("bob")
    wallet("free", 100)
    for number in range(60):
        wallet(f"c{number}", 100)
        agree(f"c{number}", daily(1), split_instructions=SHARED)
    agree("free", daily(1))
    held("bob")

    with CaptureQueriesContext(connection) as captured:
        swept = stories.sweep(at("02-01"))

    waited = [q for q in captured if "FOR UPDATE OF w" in q["sql"] and "SKIP" not in q["sql"]]
    assert (swept.paid, swept.resting, len(waited) <= 4) == (1, 60, True)


# Time passing -------------------------------------------------------------------------------------


@pytest.fixture
def late(agree, wallet):
    """Three orders with a part of 30 May that nobody paid and one of December; all tries of the
    first are used up after 13 June.
    """
    plan = [*parts((1000, "05-30")), *daily(1, first="12-30")]
    return [agree(customer, plan, late_fee=FEE) for customer in ("ada", "bad", "zoe")]


@pytest.mark.parametrize(
    ("step", "before", "then", "table"),
    [
        ("reminded", [], "05-28", PART),
        ("overdue", [], "05-31", PART),
        ("late_fees", ["05-30"], "06-02", PART),
        ("defaulted", ["05-30", "05-31", "06-02", "06-04", "06-06", "06-09", "06-13"], "10-01",
         ORDER),
    ],
)  # fmt: skip
def test_each_step_of_time_passing_leaves_out_what_breaks_it(late, step, before, then, table):
    for day in before:
        stories.sweep(at(day))
    bad = late[1]
    with poisoned(bad, table, UNREADABLE):
        swept = stories.sweep(at(then))

        assert getattr(swept, step) == 2
        assert swept.resting >= 1
        left_out = set(Quarantined.objects.values_list("row_id", flat=True))
        assert left_out <= {bad.id, *bad.installments.values_list("id", flat=True)}


def test_credits_settle_what_is_late_beside_what_cannot_be_read(agree, wallet):
    wallet("ada"), wallet("zoe")
    bad, good = (agree(name, [*ONE, *daily(1, first="12-30")], auto_apply=True)
                 for name in ("ada", "zoe"))  # fmt: skip
    stories.sweep(at("03-02", hour=1))
    with poisoned(bad, *POISON["shares that are a number"]):
        wallet("ada", 5000), wallet("zoe", 5000)

        assert statuses(good) == ["paid", "pending"]
        assert aside("settle").row_id == id_of(bad)
