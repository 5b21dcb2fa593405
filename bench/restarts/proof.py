"""The proof: a stack that was broken under load has lost and doubled nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from bench.restarts.faults import everything
from bench.restarts.load import Load
from bench.restarts.stack import READY_SECONDS, Stack

SETTLED_SECONDS = 120
LOAD_SECONDS = 2.0
ENDED = re.compile(r"^devstack +\| (\w+) ended with", re.MULTILINE)
ALARMING = ("error", "fatal", "fail", "refused", "traceback", "missed", "warning")
OF_THE_DATA = ("Applying", "/v1/", "[verified]", "sweep_finished")
"""On lines with names of migrations, test cards, events and counts, where any word may stand."""
# What has no outcome, of what the load asked for; the demo's own may wait for cardholders.
OPEN = """
SELECT (SELECT count(*) FROM wallets_wallet WHERE customer_id LIKE 'load-%' AND held > 0),
       (SELECT count(*) FROM charges_charge
        WHERE customer_id LIKE 'load-%' AND status NOT IN ('succeeded', 'failed', 'canceled'))
"""
TWICE = """
SELECT count(*) - count(DISTINCT idempotency_key) FROM charges_charge
WHERE customer_id LIKE 'load-%' AND installment_order_id IS NULL
"""


SWEPT = "SELECT count(*) FROM installments_sweep WHERE name = 'installments' AND finished_at"
# As staff may on the page of periodic tasks; the next start of beat leaves it.
SWEEP_EACH_SECOND = """
WITH second AS (
    INSERT INTO django_celery_beat_intervalschedule (every, period) VALUES (1, 'seconds')
    RETURNING id
), changed AS (
    UPDATE django_celery_beat_periodictasks SET last_update = now()
)
UPDATE django_celery_beat_periodictask SET interval_id = second.id FROM second
WHERE task = 'installments.sweep' RETURNING 1
"""


def survive(stack: Stack, fault: Callable[[Stack], str], seed: int) -> str:
    """The fault under load leaves no trace; says how long it took, and how much was asked."""
    load = Load(stack.settings(), name=f"load-{seed}", seed=seed)
    with load.under_way():
        time.sleep(LOAD_SECONDS)
        seen, began = len(stack.shown()), time.monotonic()
        broken = fault(stack)
        if stack.is_over():
            stack.begin()
            stack.wait_until_shown("Ready in")
            prove_calm(stack)
            load.follow(stack.settings())
        else:
            wait_until_others_went_on(stack, seen, broken)
        seconds = time.monotonic() - began
        time.sleep(LOAD_SECONDS)
    load.repeat_all()
    prove(stack)
    return f"over after {seconds:>3.0f} s, {len(load.asked):>4} requests, all agree"


def wait_until_others_went_on(stack: Stack, seen: int, broken: str) -> None:
    """What was broken was started again, and nothing else; beat and a worker have done a sweep."""
    deadline = time.monotonic() + READY_SECONDS
    (since,) = stack.ask_patiently("SELECT extract(epoch FROM now())")
    while stack.ask_patiently(f"{SWEPT} > to_timestamp({since})") == (0,):
        if time.monotonic() > deadline:
            raise SystemExit(f"No sweep has ended since:\n{stack.shown()[seen:][-4000:]}")
        time.sleep(0.2)
    ended = set(ENDED.findall(stack.shown()[seen:]))
    if ended != ({broken} if broken else set()):
        others = ended - {broken}
        tails = [f"{name}:\n{stack.log(name)[-3000:]}" for name in sorted(others)]
        what = f"{ended or 'nothing'} ended, where only {broken or 'nothing'} was broken"
        raise SystemExit("\n".join([what, *tails]))


def begin(stack: Stack) -> None:
    """The stack's first start was killed in the middle of its demo data, the second is ready."""
    stack.begin()
    stack.wait_until_shown("payment_intents")
    prove_calm(stack)
    everything(stack)
    stack.is_over()
    stack.begin()
    stack.wait_until_shown("Ready in")
    prove_calm(stack)
    deadline = time.monotonic() + READY_SECONDS
    while stack.ask_database(SWEEP_EACH_SECOND) != (1,):  # beat has not written its tasks yet
        if time.monotonic() > deadline:
            raise SystemExit("Beat has written no schedule.")
        time.sleep(0.2)


def prove_calm(stack: Stack) -> None:
    """Nothing on the screen looks like an error: nothing is wrong."""
    until_ready = stack.shown().partition("Ready in")[0].splitlines()
    lines = [line for line in until_ready if not any(word in line for word in OF_THE_DATA)]
    if alarming := [line for line in lines if any(word in line.lower() for word in ALARMING)]:
        raise SystemExit("Alarming lines on the screen:\n" + "\n".join(alarming))


def prove(stack: Stack) -> None:
    """Nothing that the load asked for is open, and all books agree."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while (left := stack.ask_database(OPEN)) != (0, 0):
        if time.monotonic() > deadline:
            raise SystemExit(f"{left[0]} wallets hold money, {left[1]} charges are open")
        stack.manage("recover_charges")
    if (twice := stack.ask_database(TWICE)) != (0,):
        raise SystemExit(f"{twice[0]} charges were made twice")
    stack.manage("verify_ledger")
    stack.manage("reconcile_stripe")
