"""A lively data set, made through the same doors as everything else, with the clock set back.

Nothing is written behind the doors' backs: the history of the demo is proven by `verify_ledger`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from charges import services as charges
from charges.models import Charge, ChargeStatus
from charges.splits import Instruction
from foundation import actors
from installments import services as installments
from installments.as_of import AsOf
from installments.late_fees import LateFee
from installments.models import LATE, Installment
from installments.planning import NewOrder, Rule
from installments.schedule import Frequency
from partners.models import Partner
from wallets import services as wallets
from webhooks import services as webhooks
from webhooks.egress import UrlRefused

DAYS = 60
CUSTOMERS = [
    "ada",
    "ben",
    "chloe",
    "dmitri",
    "elif",
    "femi",
    "grace",
    "hugo",
    "ines",
    "jun",
    "kofi",
    "lena",
]
PENNILESS = ["mona", "nils", "olga"]
SELLERS = ["seller-arts", "seller-books"]
CARDS = ["pm_card_visa", "pm_card_mastercard", "pm_card_visa_debit"]
DECLINING = "pm_card_visa_chargeDeclinedInsufficientFunds"
FAILING = "pm_card_chargeCustomerFail"
"""Can be saved, and declines when it is charged."""
DISPUTED = "pm_card_createDispute"
SECURE = "pm_card_authenticationRequired"
PLANS: Sequence[tuple[int, int, Frequency]] = [
    (24_000, 4, Frequency.BIWEEKLY),
    (90_000, 6, Frequency.MONTHLY),
    (15_000, 3, Frequency.WEEKLY),
    (120_000, 12, Frequency.MONTHLY),
    (10_000, 3, Frequency.MONTHLY),
]
LATE_FEE = LateFee(amount="5.00", percentage=None, grace_days=3, cap="15.00")
BY = actors.command("seed_demo")


def fill(partner: Partner, *, today: datetime, progress: Callable[[], None]) -> None:
    """The partner has two months of history up to today, with orders in every state."""
    chance = random.Random(partner.name)
    start = today - timedelta(days=DAYS)
    _open_wallets(partner.id, chance, start)
    _add_dead_endpoint(partner.id, start)
    unpaid = [_agree_in_vain(partner.id, customer, start) for customer in PENNILESS]
    for day in range(DAYS):
        now = start + timedelta(days=day)
        if day % 2 == 0:
            _refund(_charge(partner.id, chance, now), chance, now)
        if day % 6 == 0:
            _order(partner.id, chance, day // 6, now)
        _collect(now)
        progress()
    _leave_some_open(partner.id, today)
    _cure(unpaid[0], today)
    installments.write_off_order(order_id=unpaid[1], reason="Insolvent", by=BY, now=today)
    _add_troubles(partner.id, today)


def _open_wallets(partner_id: UUID, chance: random.Random, now: datetime) -> None:
    for customer in [*CUSTOMERS, *SELLERS]:
        wallets.create_wallet(partner_id=partner_id, customer_id=customer, currency="USD", now=now)
    for customer in CUSTOMERS[:9]:
        _credit(partner_id, customer, chance.randrange(5_000, 60_000, 500), now)
    charges.attach_payment_method(
        partner_id=partner_id,
        customer_id=CUSTOMERS[0],
        payment_method="pm_card_visa",
        is_default=True,
        now=now,
    )


def _credit(partner_id: UUID, customer: str, amount: int, now: datetime) -> None:
    movement = wallets.Movement(
        customer_id=customer,
        amount=amount,
        idempotency_key=f"demo-credit-{customer}-{now:%Y%m%d}",
        fingerprint="demo",
        description="Top-up by bank transfer",
    )
    wallets.credit(partner_id=partner_id, movement=movement, by=BY, now=now)


def _add_dead_endpoint(partner_id: UUID, now: datetime) -> None:
    """An endpoint that nobody answers, so that the delivery log shows failures too."""
    try:
        webhooks.create_endpoint(
            partner_id=partner_id,
            url="http://127.0.0.1:9/webhooks",
            event_types=["charge.failed"],
            description="Demo: nobody listens here",
            now=now,
        )
    except UrlRefused:
        return  # loopback is closed: the demo goes without


def _charge(partner_id: UUID, chance: random.Random, now: datetime) -> Charge:
    customer = chance.choice(CUSTOMERS)
    if chance.random() < 0.4:
        _credit(partner_id, customer, chance.randrange(2_000, 20_000, 500), now)
    card = chance.choice([*CARDS, *CARDS, DECLINING, ""])
    new = charges.NewCharge(
        customer_id=customer,
        amount=chance.randrange(900, 18_000),
        currency="USD",
        idempotency_key=f"demo-charge-{now:%Y%m%d}",
        fingerprint="demo",
        payment_method=card,
        split_instructions=_split(chance),
        description=chance.choice(["Basket", "Subscription", "Late checkout", "Workshop ticket"]),
        metadata={"order": f"SO-{now:%m%d}"},
    )
    return charges.create(partner_id=partner_id, new=new, by=BY, now=now).charge


def _refund(charge: Charge, chance: random.Random, now: datetime) -> None:
    """Every third paid charge goes back a day later, half of them in part."""
    if charge.status != ChargeStatus.SUCCEEDED or chance.random() > 1 / 3:
        return
    new = charges.NewRefund(
        amount=chance.choice([None, charge.amount // 2]),
        idempotency_key=f"demo-refund-{charge.id}",
        fingerprint="demo",
        reason=chance.choice(["requested_by_customer", "Damaged on arrival", "duplicate"]),
    )
    charges.refund(charge_id=charge.id, new=new, by=BY, now=now + timedelta(days=1))


def _add_troubles(partner_id: UUID, now: datetime) -> None:
    """A charge whose cardholder must authenticate, and one that is disputed as soon as Stripe can
    tell us so."""
    for customer, card in (("jun", SECURE), ("kofi", DISPUTED)):
        new = charges.NewCharge(
            customer_id=customer,
            amount=8_400,
            currency="USD",
            idempotency_key=f"demo-{card}",
            fingerprint="demo",
            payment_method=card,
            description="Tickets",
        )
        charges.create(partner_id=partner_id, new=new, by=BY, now=now)


def _split(chance: random.Random) -> list[Instruction]:
    if chance.random() < 0.5:
        return []
    return [Instruction(recipient=chance.choice(SELLERS), percentage="10")]


def _order(partner_id: UUID, chance: random.Random, number: int, now: datetime) -> None:
    amount, count, frequency = PLANS[number % len(PLANS)]
    new = NewOrder(
        customer_id=CUSTOMERS[number % len(CUSTOMERS)],
        amount=amount,
        currency="USD",
        plan=Rule(count=count, frequency=frequency, first_due_date=now.date()),
        payment_method=chance.choice([*CARDS, FAILING, ""]),
        split_instructions=_split(chance),
        late_fee=LATE_FEE if number % 3 == 0 else None,
        auto_apply=number % 2 == 0,
        description="Pay in parts",
        metadata={"cart": number},
    )
    _agree(partner_id, new, f"demo-order-{number}", now)


def _agree_in_vain(partner_id: UUID, customer: str, now: datetime) -> UUID:
    """An order of a customer with neither wallet nor card: it defaults after 44 days."""
    rule = Rule(count=3, frequency=Frequency.MONTHLY, first_due_date=now.date())
    new = NewOrder(customer_id=customer, amount=27_000, currency="USD", plan=rule)
    return _agree(partner_id, new, f"demo-order-{customer}", now)


def _cure(order_id: UUID, now: datetime) -> None:
    """The defaulted order's arrears are paid by a card; of one part, which went back, later."""
    new = installments.NewTerms(payment_method=CARDS[0])
    installments.change_order(order_id=order_id, new=new, by=BY, now=now)
    late = list(Installment.objects.filter(order_id=order_id, status__in=LATE).order_by("id"))
    for part in late:
        installments.process_installment(installment_id=part.id, by=BY, now=now)
    charge = Charge.objects.get(installment_id=late[-1].id, status=ChargeStatus.SUCCEEDED)
    refund = charges.NewRefund(None, idempotency_key=f"demo-reopen-{charge.id}", fingerprint="demo")
    charges.refund(charge_id=charge.id, new=refund, by=BY, now=now)
    installments.reopen_installment(
        installment_id=late[-1].id,
        due_date=(now + timedelta(days=10)).date(),
        reason="Paid from the wrong account",
        by=BY,
        now=now,
    )
    installments.reinstate_order(order_id=order_id, reason="Arrears are paid", by=BY, now=now)


def _postpone(order_id: UUID, now: datetime) -> None:
    """The first part is due a week later."""
    part = Installment.objects.filter(order_id=order_id).earliest("installment_number")
    installments.reschedule_installment(
        installment_id=part.id,
        due_date=part.due_date + timedelta(days=7),
        reason="Payday is later",
        by=BY,
        now=now,
    )


def _agree(
    partner_id: UUID, new: NewOrder, key: str, now: datetime, *, activate: bool = True
) -> UUID:
    made = installments.create_order(
        partner_id=partner_id,
        new=new,
        idempotency_key=key,
        fingerprint="demo",
        activate=activate,
        by=BY,
        now=now,
    )
    return made.order.id


def _collect(now: datetime) -> None:
    installments.sweep(as_of=AsOf(now), by=BY, now=now)
    for charge_id in charges.unfinished():
        charges.collect(charge_id=charge_id, by=BY, now=now)


def _leave_some_open(partner_id: UUID, now: datetime) -> None:
    """One order canceled, one not yet activated, one paused, one with a part that was moved."""
    rule = Rule(count=3, frequency=Frequency.MONTHLY)
    paused = NewOrder(customer_id="ines", amount=60_000, currency="USD", plan=rule)
    order_id = _agree(partner_id, paused, "demo-order-paused", now)
    installments.pause_order(order_id=order_id, reason="Asked by phone", by=BY, now=now)
    moved = NewOrder(customer_id="hugo", amount=36_000, currency="USD", plan=rule)
    _postpone(_agree(partner_id, moved, "demo-order-moved", now), now)
    canceled = NewOrder(customer_id="lena", amount=45_000, currency="USD", plan=rule)
    order_id = _agree(partner_id, canceled, "demo-order-canceled", now)
    installments.cancel_order(order_id=order_id, by=BY, now=now)
    draft = NewOrder(customer_id="kofi", amount=30_000, currency="USD", plan=rule)
    _agree(partner_id, draft, "demo-order-draft", now, activate=False)
