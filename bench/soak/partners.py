"""What partners and their customers ask for."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import uuid4

from django.utils import timezone

from bench.fixtures import BY
from bench.soak.world import ASKS, CUSTOMERS, SELLERS, World, any_of
from charges import services as charges
from charges.models import Charge, ChargeStatus, PaymentMethod, RefundTo
from charges.splits import Instruction
from installments import services as installments
from installments.models import Installment, InstallmentOrder
from installments.planning import NewOrder, Rule
from installments.schedule import Frequency
from wallets import services as wallets

CARDS = [
    "pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined", ASKS,
    "pm_card_createDispute", "pm_card_pendingRefund", "pm_card_refundFail",
]  # fmt: skip
TURNS_BAD = ["chargeDeclinedLostCard", "chargeDeclinedInsufficientFunds", "visa"]
SPLITS: list[list[Instruction]] = [
    [],
    [{"recipient": "s0", "percentage": "60"}, {"recipient": "s1", "amount": "0.10"}],
]


def credit(world: World, rng: random.Random) -> None:
    _move(wallets.credit, world, rng)


def debit(world: World, rng: random.Random) -> None:
    _move(wallets.debit, world, rng)


def _move(door: Callable[..., object], world: World, rng: random.Random) -> None:
    key = uuid4().hex
    movement = wallets.Movement(rng.choice(CUSTOMERS + SELLERS), rng.randint(1, 9_000), key, key)
    door(partner_id=rng.choice(world.partners).id, movement=movement, by=BY, now=timezone.now())


def charge(world: World, rng: random.Random) -> None:
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
    partner = rng.choice(world.partners)
    is_async = rng.random() < 0.3
    charges.create(partner_id=partner.id, new=new, is_async=is_async, by=BY, now=timezone.now())


def cancel_charge(world: World, rng: random.Random) -> None:
    open_ = Charge.objects.filter(installment_order_id=None).exclude(
        status__in=[ChargeStatus.SUCCEEDED, ChargeStatus.FAILED]
    )
    charges.cancel(charge_id=any_of(open_, rng).id, by=BY, now=timezone.now())


def refund(world: World, rng: random.Random) -> None:
    """Never the card's money into the wallet: a person at Stripe may then give it back once more,
    which is no fault of ours, and for staff.
    """
    paid = any_of(Charge.objects.filter(status=ChargeStatus.SUCCEEDED), rng)
    key = uuid4().hex
    amount = rng.choice([None, rng.randint(1, paid.amount)])
    new = charges.NewRefund(amount, key, key, refund_to=rng.choice([RefundTo.AUTO, RefundTo.CARD]))
    charges.refund(charge_id=paid.id, new=new, by=BY, now=timezone.now())


def agree(world: World, rng: random.Random) -> None:
    key = uuid4().hex
    rule = Rule(count=rng.randint(1, 4), frequency=Frequency.WEEKLY, down_payment=100)
    new = NewOrder(
        rng.choice(CUSTOMERS), rng.randint(600, 9_000), "USD", rule,
        payment_method=rng.choice(["", "pm_card_visa", "pm_card_createDispute"]),
        split_instructions=rng.choice(SPLITS),
    )  # fmt: skip
    installments.create_order(
        partner_id=rng.choice(world.partners).id, new=new, idempotency_key=key, fingerprint=key,
        activate=True, by=BY, now=timezone.now(),
    )  # fmt: skip


def change_order(world: World, rng: random.Random) -> None:
    doors: list[Callable[..., object]] = [
        installments.pause_order, installments.resume_order, installments.pay_off,
        installments.reinstate_order, installments.pay_off, installments.resume_order,
    ]  # fmt: skip
    if rng.random() < 0.3:
        doors += [installments.cancel_order, installments.write_off_order]
    order = any_of(InstallmentOrder.objects.all(), rng)
    door = rng.choice(doors)
    more = {"reason": "soak"} if door is installments.write_off_order else {}
    door(order_id=order.id, by=BY, now=timezone.now(), **more)


def change_part(world: World, rng: random.Random) -> None:
    part = any_of(Installment.objects.all(), rng)
    door = rng.choice([installments.process_installment, installments.reopen_installment])
    door(installment_id=part.id, by=BY, now=timezone.now())


def save_card(world: World, rng: random.Random) -> None:
    saved = charges.attach_payment_method(
        partner_id=rng.choice(world.partners).id, customer_id=rng.choice(CUSTOMERS),
        payment_method="pm_card_visa", is_default=rng.random() < 0.5, now=timezone.now(),
    )  # fmt: skip
    world.sandbox.become(saved.external_id, rng.choice(TURNS_BAD))


def remove_card(world: World, rng: random.Random) -> None:
    card = any_of(PaymentMethod.objects.on_file(), rng)
    charges.detach_payment_method(payment_method=card, by=BY, now=timezone.now())


OPERATIONS: list[Callable[[World, random.Random], None]] = [
    *[charge] * 6, *[credit] * 3, debit, cancel_charge, *[refund] * 2, *[agree] * 2, change_order,
    *[change_part] * 2, save_card, remove_card,
]  # fmt: skip
