"""What happens at Stripe, and to its answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress

from bench.soak.world import ASKS, World, any_of
from charges.gateway.client import client
from charges.models import Charge, ChargeStatus, PaymentMethod

FAULTS = ["drop_after", "drop_before", "error_500_after", "error_500_before", "rate_limit_429"]
SLOW_SECONDS = 0.2


def refund_at_stripe(world: World, rng: random.Random) -> None:
    paid = _collected(rng)
    amount = rng.randint(1, paid.external_amount)
    client().v1.refunds.create(
        params={"payment_intent": paid.external_charge_id or "", "amount": amount}
    )


def dispute_at_stripe(world: World, rng: random.Random) -> None:
    intent = client().v1.payment_intents.retrieve(_collected(rng).external_charge_id or "")
    with suppress(OSError):
        world.sandbox.dispute(str(intent.latest_charge))


def decide_at_stripe(world: World, rng: random.Random) -> None:
    """The bank decides, also otherwise than before."""
    listed = client().v1.disputes.list(params={"limit": 100}).data
    with suppress(OSError):
        world.sandbox.close_dispute(rng.choice(listed).id, rng.choice(["won", "lost"]))


def authenticate(world: World, rng: random.Random) -> None:
    waiting = any_of(Charge.objects.filter(status=ChargeStatus.REQUIRES_ACTION), rng)
    client().v1.payment_intents.confirm(
        waiting.external_charge_id or "", params={"payment_method": ASKS}
    )
    with suppress(OSError):
        world.sandbox.authenticate(waiting.external_charge_id or "")


def detach_at_stripe(world: World, rng: random.Random) -> None:
    card = any_of(PaymentMethod.objects.on_file(), rng)
    client().v1.payment_methods.detach(card.external_id)


def delete_customer_at_stripe(world: World, rng: random.Random) -> None:
    if rng.random() < 0.1:
        client().v1.customers.delete(any_of(PaymentMethod.objects.all(), rng).external_customer_id)


def break_stripe(world: World, rng: random.Random) -> None:
    if rng.random() < 0.3:
        world.sandbox.fault(rng.choice(FAULTS), path=rng.choice(["/payment_intents", "/refunds"]))
    else:
        world.sandbox.fault("hang_after", path="/payment_intents", hang_seconds=SLOW_SECONDS)


def _collected(rng: random.Random) -> Charge:
    paid = Charge.objects.filter(status=ChargeStatus.SUCCEEDED, external_amount__gt=0)
    found: Charge = any_of(paid, rng)
    return found


OPERATIONS: list[Callable[[World, random.Random], None]] = [
    refund_at_stripe, dispute_at_stripe, *[decide_at_stripe] * 2, authenticate, detach_at_stripe,
    delete_customer_at_stripe, break_stripe,
]  # fmt: skip
