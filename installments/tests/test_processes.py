"""Two real beats and three real workers on many due parts, one worker killed in the middle.

DUE_PARTS says how many; half are paid by wallets, half by cards.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from charges import services as charges
from charges.models import Charge
from devstack.processes import Process
from installments.as_of import AsOf
from installments.models import Installment
from installments.tests.stories import BY, VISA, daily
from payments_project.beat import DeclaredScheduler
from payments_project.celery import app
from wallets.models import Wallet

PARTS = int(os.environ.get("DUE_PARTS", "200"))
DEADLINE = 120 + PARTS / 10
EACH = 10


@pytest.fixture
def impatient(committed):
    """Beat's rows as it writes them, then set to a second, as staff may."""
    assert DeclaredScheduler(app=app).schedule
    every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
    PeriodicTask.objects.update(interval=every)
    yield
    PeriodicTask.objects.all().delete()


@pytest.fixture
def start(impatient, sandbox, tmp_path):
    """`start("beat", …)`: `celery beat …` on this test's database and broker."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    environment = os.environ | {"DATABASE_URL": url._replace(path=f"/{name}").geturl()}
    running = []

    def begin(*arguments):
        process = Process(
            f"{arguments[0]}-{len(running)}",
            # Tests beside this one wait for seconds; this one has minutes.
            [
                "nice",
                "-n",
                "19",
                sys.executable,
                "-m",
                "celery",
                "-A",
                "payments_project",
                *arguments,
            ],
            environment,
            settings.BASE_DIR,
            tmp_path / f"{len(running)}.log",
        )
        process.start()
        running.append(process)
        return process

    yield begin
    for process in running:
        process.stop()


def wait_until(condition, processes):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "\n".join(p.tail() for p in processes)
        time.sleep(0.2)


def paid():
    return Installment.objects.filter(status="paid").count()


def is_anything_due():
    """The sweep's work, or the cards' but for what somebody has leased and may have died with."""
    now = timezone.now()
    return Installment.objects.due(AsOf(now)).exists() or Charge.objects.due(now).exists()


def test_each_part_is_collected_once(agree, wallet, start, sandbox):
    half = PARTS // 2
    for number in range(half // EACH):
        wallet(f"w{number % 20}", EACH * 100)
        agree(f"w{number % 20}", daily(EACH))
        agree(f"c{number}", daily(EACH), payment_method=VISA)

    beats = [start("beat", "--schedule", os.devnull) for _ in range(2)]
    workers = [start("worker", "-P", "threads", "-c", "4", "-n", f"w{n}@%h") for n in range(3)]
    wait_until(lambda: paid() > half * 1.2, [*beats, *workers])
    os.kill(workers[0].pid, signal.SIGKILL)
    wait_until(lambda: not is_anything_due(), [*beats, *workers[1:]])
    for process in [*beats, *workers]:
        process.stop()
    for charge_id in charges.unfinished():  # what the killed one had leased, as recover_charges
        charges.collect(charge_id=charge_id, by=BY, now=timezone.now())

    assert paid() == PARTS
    assert Charge.objects.count() == PARTS
    assert sandbox.summary()["payment_intents"]["succeeded"] == half
    assert not Wallet.objects.exclude(balance=0).exists()
