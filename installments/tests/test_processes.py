"""Two real beats and three real workers on many due parts, one worker killed in the middle.

DUE_PARTS says how many; half are paid by wallets, half by cards.
"""

from __future__ import annotations

import os
import signal
import time

from django.utils import timezone

from charges import services as charges
from charges.models import Charge
from installments.as_of import AsOf
from installments.models import Installment
from installments.tests.stories import BY, VISA, daily
from wallets.models import Wallet

PARTS = int(os.environ.get("DUE_PARTS", "200"))
DEADLINE = 120 + PARTS / 10
EACH = 10


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


def test_each_part_is_collected_once(agree, wallet, impatient_beat, start_celery, sandbox):
    half = PARTS // 2
    for number in range(half // EACH):
        wallet(f"w{number % 20}", EACH * 100)
        agree(f"w{number % 20}", daily(EACH))
        agree(f"c{number}", daily(EACH), payment_method=VISA)

    beats = [start_celery("beat", "--schedule", os.devnull) for _ in range(2)]
    workers = [
        start_celery("worker", "-P", "threads", "-c", "4", "-n", f"w{n}@%h") for n in range(3)
    ]
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
