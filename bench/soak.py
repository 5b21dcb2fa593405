"""Anything at once, for a while: then nothing waits, and all books agree.

Partners, cardholders, banks and people in Stripe's dashboard do random things by a printed seed,
with workers and sweeps beside them, while Stripe's answers are slow, lost or wrong. No callback is
ever delivered: what Stripe does by itself is learnt from its list of events. At the end time
passes until nothing waits. Then the ledger is proven, every object at Stripe is compared with ours,
and the account `card` holds to the unit what Stripe has moved.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import stripe
import time_machine
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from bench.fixtures import BY
from charges import card_money
from charges import services as charges
from charges.gateway.client import client, pages
from charges.models import Charge, ChargeStatus, PaymentMethod, Refund, RefundTo
from charges.splits import Instruction
from devstack.stripe_sandbox.client import SandboxControl
from installments import services as installments
from installments.as_of import AsOf
from installments.models import Installment, InstallmentOrder
from installments.planning import NewOrder, Rule
from installments.schedule import Frequency
from partners import services as partners
from partners.models import Partner
from payments_project import invariants, problems
from wallets import services as wallets
from wallets.models import LedgerEntry, Wallet

CUSTOMERS = [f"c{number}" for number in range(6)]
SELLERS = ["s0", "s1"]
ASKS = "pm_card_authenticationRequired"
CARDS = [
    "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", ASKS,
    "pm_card_createDispute", "pm_card_pendingRefund", "pm_card_refundFail",
]  # fmt: skip
TURNS_BAD = ["chargeDeclinedLostCard", "chargeDeclinedInsufficientFunds", "visa"]
FAULTS = ["drop_after", "drop_before", "error_500_after", "error_500_before", "rate_limit_429"]
SPLITS: list[list[Instruction]] = [
    [],
    [{"recipient": "s0", "percentage": "60"}, {"recipient": "s1", "amount": "0.10"}],
]
THREADS = 6
SLOW_SECONDS = 0.2
DAYS = 60
"""As long as the longest ladder: then nothing waits any more."""
REFUSALS: tuple[type[Exception], ...] = (*problems.DOMAIN, stripe.StripeError, LookupError)


class Soak:
    """One run: what was done, what was refused, and what nobody had foreseen."""

    def __init__(self, sandbox: SandboxControl, seed: int) -> None:
        self.sandbox, self.seed = sandbox, seed
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.broken: list[str] = []
        self.stopped = threading.Event()
        self.partners = [_partner(number) for number in range(2)]

    def run(self, seconds: float) -> None:
        people = [threading.Thread(target=self._person, args=[n]) for n in range(THREADS)]
        clocks = [threading.Thread(target=self._clock, args=[task]) for task in TASKS]
        for thread in [*people, *clocks]:
            thread.start()
        time.sleep(seconds)
        self.stopped.set()
        for thread in [*people, *clocks]:
            thread.join()

    def _person(self, number: int) -> None:
        rng = random.Random(f"{self.seed}:{number}")
        while not self.stopped.is_set():
            self._try(rng.choice(OPERATIONS), rng)
        connection.close()

    def _clock(self, task: Callable[[], object]) -> None:
        while not self.stopped.wait(0.3):
            self._try(task)
        connection.close()

    def _try(self, operation: Callable[..., object], rng: random.Random | None = None) -> None:
        name = operation.__name__
        try:
            operation(self, rng) if rng else operation()
            self.done[name] += 1
        except REFUSALS as refusal:
            self.refused[f"{name}: {type(refusal).__name__}"] += 1
        except Exception as error:  # noqa: BLE001 -- what nobody had foreseen is the result
            self.broken.append(f"{name}: {error!r}")

    def settle(self) -> None:
        """Stripe is well again, and time passes until nothing waits."""
        self.sandbox.clear_faults()
        now = timezone.now()
        for day in range(1, DAYS + 1):
            self.sandbox.advance_clock(86_400)
            with time_machine.travel(now + timedelta(days=day)):
                for task in TASKS:
                    self._try(task)
        connection.close()


def _partner(number: int) -> Partner:
    partner = partners.create_partner(name=f"soak {number}", now=timezone.now())
    Partner.objects.filter(id=partner.id).update(net_receivables=bool(number))
    for customer in [*CUSTOMERS, *SELLERS]:
        wallets.create_wallet(
            partner_id=partner.id, customer_id=customer, currency="USD", now=timezone.now()
        )
    return partner


# What partners ask for -------------------------------------------------------------------------


def credit(soak: Soak, rng: random.Random) -> None:
    _move(wallets.credit, soak, rng)


def debit(soak: Soak, rng: random.Random) -> None:
    _move(wallets.debit, soak, rng)


def _move(door: Callable[..., object], soak: Soak, rng: random.Random) -> None:
    key = uuid4().hex
    movement = wallets.Movement(rng.choice(CUSTOMERS + SELLERS), rng.randint(1, 9_000), key, key)
    door(partner_id=rng.choice(soak.partners).id, movement=movement, by=BY, now=timezone.now())


def charge(soak: Soak, rng: random.Random) -> None:
    key = uuid4().hex
    new = charges.NewCharge(
        customer_id=rng.choice(CUSTOMERS),
        amount=rng.randint(60, 9_000),
        currency="USD",
        idempotency_key=key,
        fingerprint=key,
        payment_method=rng.choice([*CARDS, ""]),
        use_wallet=rng.random() < 0.7,
        split_instructions=rng.choice(SPLITS),
    )
    partner = rng.choice(soak.partners)
    is_async = rng.random() < 0.3
    charges.create(partner_id=partner.id, new=new, is_async=is_async, by=BY, now=timezone.now())


def cancel_charge(soak: Soak, rng: random.Random) -> None:
    open_ = Charge.objects.filter(installment_order_id=None).exclude(
        status__in=[ChargeStatus.SUCCEEDED, ChargeStatus.FAILED]
    )
    charges.cancel(charge_id=_any(open_, rng).id, by=BY, now=timezone.now())


def refund(soak: Soak, rng: random.Random) -> None:
    """Never the card's money into the wallet: a person at Stripe may then give it back once more,
    which is no fault of ours, and for staff.
    """
    paid = _any(Charge.objects.filter(status=ChargeStatus.SUCCEEDED), rng)
    key = uuid4().hex
    amount = rng.choice([None, rng.randint(1, paid.amount)])
    new = charges.NewRefund(amount, key, key, refund_to=rng.choice([RefundTo.AUTO, RefundTo.CARD]))
    charges.refund(charge_id=paid.id, new=new, by=BY, now=timezone.now())


def agree(soak: Soak, rng: random.Random) -> None:
    key = uuid4().hex
    rule = Rule(count=rng.randint(1, 4), frequency=Frequency.WEEKLY, down_payment=100)
    new = NewOrder(
        rng.choice(CUSTOMERS), rng.randint(600, 9_000), "USD", rule,
        payment_method=rng.choice(["", "pm_card_visa", "pm_card_createDispute"]),
        split_instructions=rng.choice(SPLITS),
    )  # fmt: skip
    installments.create_order(
        partner_id=rng.choice(soak.partners).id, new=new, idempotency_key=key, fingerprint=key,
        activate=True, by=BY, now=timezone.now(),
    )  # fmt: skip


def change_order(soak: Soak, rng: random.Random) -> None:
    doors: list[Callable[..., object]] = [
        installments.pause_order, installments.resume_order, installments.pay_off,
        installments.reinstate_order, installments.pay_off, installments.resume_order,
    ]  # fmt: skip
    if rng.random() < 0.3:
        doors += [installments.cancel_order, installments.write_off_order]
    order = _any(InstallmentOrder.objects.all(), rng)
    door = rng.choice(doors)
    more = {"reason": "soak"} if door is installments.write_off_order else {}
    door(order_id=order.id, by=BY, now=timezone.now(), **more)


def change_part(soak: Soak, rng: random.Random) -> None:
    part = _any(Installment.objects.all(), rng)
    door = rng.choice([installments.process_installment, installments.reopen_installment])
    door(installment_id=part.id, by=BY, now=timezone.now())


def save_card(soak: Soak, rng: random.Random) -> None:
    saved = charges.attach_payment_method(
        partner_id=rng.choice(soak.partners).id, customer_id=rng.choice(CUSTOMERS),
        payment_method="pm_card_visa", is_default=rng.random() < 0.5, now=timezone.now(),
    )  # fmt: skip
    soak.sandbox.become(saved.external_id, rng.choice(TURNS_BAD))


def remove_card(soak: Soak, rng: random.Random) -> None:
    card = _any(PaymentMethod.objects.on_file(), rng)
    charges.detach_payment_method(payment_method=card, by=BY, now=timezone.now())


# What happens at Stripe ------------------------------------------------------------------------


def refund_at_stripe(soak: Soak, rng: random.Random) -> None:
    paid = _collected(rng)
    amount = rng.randint(1, paid.external_amount)
    client().v1.refunds.create(
        params={"payment_intent": paid.external_charge_id or "", "amount": amount}
    )


def dispute_at_stripe(soak: Soak, rng: random.Random) -> None:
    intent = client().v1.payment_intents.retrieve(_collected(rng).external_charge_id or "")
    with suppress(OSError):
        soak.sandbox.dispute(str(intent.latest_charge))


def decide_at_stripe(soak: Soak, rng: random.Random) -> None:
    """The bank decides, also otherwise than before."""
    listed = client().v1.disputes.list(params={"limit": 100}).data
    with suppress(OSError):
        soak.sandbox.close_dispute(rng.choice(listed).id, rng.choice(["won", "lost"]))


def authenticate(soak: Soak, rng: random.Random) -> None:
    waiting = _any(Charge.objects.filter(status=ChargeStatus.REQUIRES_ACTION), rng)
    client().v1.payment_intents.confirm(
        waiting.external_charge_id or "", params={"payment_method": ASKS}
    )
    with suppress(OSError):
        soak.sandbox.authenticate(waiting.external_charge_id or "")


def detach_at_stripe(soak: Soak, rng: random.Random) -> None:
    card = _any(PaymentMethod.objects.on_file(), rng)
    client().v1.payment_methods.detach(card.external_id)


def delete_customer_at_stripe(soak: Soak, rng: random.Random) -> None:
    if rng.random() < 0.1:
        client().v1.customers.delete(_any(PaymentMethod.objects.all(), rng).external_customer_id)


def break_stripe(soak: Soak, rng: random.Random) -> None:
    if rng.random() < 0.3:
        soak.sandbox.fault(rng.choice(FAULTS), path=rng.choice(["/payment_intents", "/refunds"]))
    else:
        soak.sandbox.fault("hang_after", path="/payment_intents", hang_seconds=SLOW_SECONDS)


def _collected(rng: random.Random) -> Charge:
    paid = Charge.objects.filter(status=ChargeStatus.SUCCEEDED, external_amount__gt=0)
    found: Charge = _any(paid, rng)
    return found


def _any(rows: Any, rng: random.Random) -> Any:
    """Raises LookupError when there is none."""
    return rows.order_by("id")[rng.randrange(rows.count() or 1)]


OPERATIONS: list[Callable[[Soak, random.Random], None]] = [
    *[charge] * 6, *[credit] * 3, debit, cancel_charge, *[refund] * 2, *[agree] * 2, change_order,
    *[change_part] * 2, save_card, remove_card, refund_at_stripe, dispute_at_stripe,
    *[decide_at_stripe] * 2, authenticate, detach_at_stripe, delete_customer_at_stripe,
    break_stripe,
]  # fmt: skip


# What workers do -------------------------------------------------------------------------------


def sweep() -> None:
    now = timezone.now()
    installments.sweep(as_of=AsOf(now), by=BY, now=now)


def recover() -> None:
    charges.collect_due(by=BY)
    charges.complete_due_refunds(by=BY)
    charges.detach_due()


def sync() -> None:
    charges.sync_events(now=timezone.now())


def process() -> None:
    charges.process_events(by=BY)


TASKS = [sweep, recover, sync, process]


# The end ---------------------------------------------------------------------------------------


def measure(*, seconds: float, seed: int, sandbox: SandboxControl) -> bool:
    """Whether all agreed; what was done, and what did not agree, is printed."""
    print(f"soak: seed {seed}, {seconds:.0f} s", flush=True)
    soak = Soak(sandbox, seed)
    soak.run(seconds)
    soak.settle()
    faults = [*soak.broken, *_differences()]
    print(f"done     {sum(soak.done.values()):>7}  {dict(soak.done.most_common())}")
    print(f"refused  {sum(soak.refused.values()):>7}  {dict(soak.refused.most_common())}")
    for fault in faults:
        print(f"FAULT    {fault}")
    print("all agree" if not faults else f"{len(faults)} faults")
    return not faults


def _differences() -> list[str]:
    now = timezone.now() + timedelta(days=DAYS)
    proof = [f"{f.invariant}: {f.rows}" for f in invariants.prove() if f.rows]
    report = charges.reconcile(since=None, is_repairing=False, by=BY, now=now)
    found = [*proof, *map(str, report.differences), *_waiting()]
    ours, theirs = _card_account(), _moved_at_stripe()
    return found if ours == theirs else [*found, f"card is {ours}, Stripe moved {theirs}"]


def _waiting() -> list[str]:
    held = Wallet.objects.filter(held__gt=0).count()
    counts = {"held": held, "charges": len(charges.unfinished())}
    counts["refunds"] = len(charges.unfinished_refunds())
    flagged = Charge.objects.exclude(needs_review="") | Charge.objects.filter(
        refunds__in=Refund.objects.exclude(needs_review="")
    )
    texts = set(flagged.values_list("needs_review", flat=True))
    waiting = [f"{count} {what} wait" for what, count in counts.items() if count]
    return [*waiting, *(f"for staff: {text}" for text in sorted(texts))]


def _card_account() -> dict[str, int]:
    entries = LedgerEntry.objects.filter(account="card").values("transaction__currency")
    sums = entries.order_by().annotate(total=Sum("amount"))
    return {row["transaction__currency"]: row["total"] for row in sums}


def _moved_at_stripe() -> dict[str, int]:
    """What Stripe owes us is negative, as in the account `card`."""
    api = client().v1
    moved: Counter[str] = Counter()
    for intent in pages(api.payment_intents.list, {}):
        if intent.status == "succeeded":
            moved[intent.currency] -= intent.amount_received
    for made in pages(api.refunds.list, {}):
        if made.status == "succeeded":
            moved[made.currency] += made.amount
    for dispute in pages(api.disputes.list, {}):
        for movement in dispute.balance_transactions:
            moved[movement.currency] += movement.fee - movement.amount
    return {
        currency.upper(): card_money.from_processor(units, currency.upper())
        for currency, units in moved.items()
    }
