"""Charges as partners and sweeps make them, and the oracle of what they did."""

from __future__ import annotations

from uuid import uuid4

from charges import gateway, services
from charges.models import Charge
from conftest import BY
from wallets.models import Wallet
from webhooks.models import Event

CARD = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"
TERMINAL = ["charge.succeeded", "charge.failed", "charge.canceled"]


def charge(api, amount="100.00", *, key=None, customer_id="ada", **fields):
    """The answer to a charge of ada."""
    body = {"customer_id": customer_id, "amount": amount, **fields}
    return api.post("/charges", body, key=key)


def charged(api, amount="100.00", **fields):
    """The charge, made."""
    answer = charge(api, amount, **fields)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def new_charge(amount=10000, *, key=None, **fields):
    """What the door is asked for, in minor units of USD."""
    fields = {"customer_id": "ada", "currency": "USD", "payment_method": CARD} | fields
    key = key or uuid4().hex
    return services.NewCharge(amount=amount, idempotency_key=key, fingerprint=key, **fields)


def create(partner, now, **fields):
    new = new_charge(**fields)
    return services.create(partner_id=partner.id, new=new, by=BY, now=now).charge


def collect(charge_id, now):
    return services.collect(charge_id=charge_id, by=BY, now=now)


def terminal_events(charge_id):
    events = Event.objects.filter(resource_id=charge_id, type__in=TERMINAL)
    return [event.type for event in events]


def paid_intents(charge_id=None):
    """The oracle: amounts of the succeeded intents at the processor, by the real SDK."""
    listed = gateway.client().v1.payment_intents.list(params={"limit": 100})
    return [
        intent.amount
        for intent in listed.auto_paging_iter()
        if intent.status == "succeeded"
        and (charge_id is None or intent.metadata["charge_id"] == str(charge_id))
    ]


def end_of(charge_id):
    """(status, terminal events, intents that succeeded, what is held) of a charge."""
    row = Charge.objects.get(id=charge_id)
    held = list(Wallet.objects.filter(customer_id=row.customer_id).values_list("held", flat=True))
    return row.status, terminal_events(charge_id), paid_intents(charge_id), sum(held)


def paid(card):
    """How a charge ends that collected so much by card."""
    return "succeeded", ["charge.succeeded"], [card] if card else [], 0


NOT_PAID: tuple[str, list[str], list[int], int] = ("failed", ["charge.failed"], [], 0)
