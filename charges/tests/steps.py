"""Charges as partners and sweeps make them, and the oracle of what they did."""

from __future__ import annotations

import json
import time
from uuid import uuid4

from django.db.models import Sum

from charges import services
from charges.gateway.client import client
from charges.models import Charge
from conftest import BY
from devstack.pytest_plugin import SETTINGS
from devstack.stripe_sandbox.delivery import signature
from wallets.models import LedgerEntry, Wallet
from webhooks.models import Event

CARD = "pm_card_visa"
DECLINED = "pm_card_chargeDeclined"
SECRET = SETTINGS["STRIPE_WEBHOOK_SECRET"]
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
    listed = client().v1.payment_intents.list(params={"limit": 100})
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


# Refunds ---------------------------------------------------------------------------------------


def refund(api, charge_id, amount=None, *, key=None, **fields):
    """The answer to a refund."""
    body = fields | ({} if amount is None else {"amount": amount})
    return api.post(f"/charges/{charge_id}/refunds", body, key=key)


def refunded(api, charge_id, amount=None, **fields):
    """The refund, made."""
    answer = refund(api, charge_id, amount, **fields)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def new_refund(amount=None, *, key=None, **fields):
    """What the door is asked for, in minor units."""
    key = key or uuid4().hex
    return services.NewRefund(amount=amount, idempotency_key=key, fingerprint=key, **fields)


def give_back(charge_id, now, amount=None, **fields):
    new = new_refund(amount, **fields)
    return services.refund(charge_id=charge_id, new=new, by=BY, now=now).refund


def complete(refund_id, now):
    return services.complete_refund(refund_id=refund_id, by=BY, now=now)


def returned_by_card(charge_id=None):
    """The oracle: amounts of the refunds at the processor that did not fail, by the real SDK."""
    listed = client().v1.refunds.list(params={"limit": 100})
    return [
        made.amount
        for made in listed.auto_paging_iter()
        if made.status not in ("failed", "canceled")
        and (charge_id is None or made.metadata["charge_id"] == str(charge_id))
    ]


def events_of(resource_id):
    """The types of its events, in order."""
    events = Event.objects.filter(resource_id=resource_id).order_by("sequence")
    return list(events.values_list("type", flat=True))


# Stripe's side ---------------------------------------------------------------------------------


def disputes_of(charge_id):
    """The ids of a charge's disputes at the processor."""
    intent_id = Charge.objects.get(id=charge_id).external_charge_id
    return [d.id for d in client().v1.disputes.list(params={"payment_intent": intent_id}).data]


def dispute(charge_id, sandbox, **fields):
    """The cardholder disputes the paid charge, or `amount` of it; the dispute's id."""
    intent_id = Charge.objects.get(id=charge_id).external_charge_id
    paid_by = client().v1.payment_intents.retrieve(intent_id).latest_charge
    return sandbox.dispute(paid_by, **fields)["id"]


def refund_at_the_processor(charge_id, amount=None, **params):
    """Somebody refunds in Stripe's dashboard; the refund's id."""
    params |= {"payment_intent": Charge.objects.get(id=charge_id).external_charge_id}
    params |= {} if amount is None else {"amount": amount}
    return client().v1.refunds.create(params=params).id


def balances():
    """What each account holds, by (account, currency), wallets together."""
    lines = LedgerEntry.objects.values_list("account", "transaction__currency")
    sums = lines.order_by().annotate(minor=Sum("amount"))
    return {(account, currency): minor for account, currency, minor in sums if minor}


def hear_of_disputes(charge_id, now):
    for dispute_id in disputes_of(charge_id):
        services.sync_dispute(external_id=dispute_id, by=BY, now=now)


def notice(type_, object_id, *, id_=None, secret=SECRET, at=None, **fields):
    """(payload, signature) of a callback as Stripe would send it."""
    event = {
        "id": id_ or f"evt_{uuid4().hex}",
        "object": "event",
        "type": type_,
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": {"id": object_id}},
        **fields,
    }
    payload = json.dumps(event)
    return payload, signature(payload, secret, at or int(time.time()))


def receive(payload, signed, now):
    return services.receive_event(payload=payload.encode(), signature=signed, now=now)


def hear(type_, object_id, now, **fields):
    """A callback came and was worked off; whether it was new."""
    is_new = receive(*notice(type_, object_id, **fields), now)
    services.process_events(by=BY)
    return is_new


def authenticate(charge_id, sandbox, outcome="succeed", card="pm_card_authenticationRequired"):
    """The cardholder confirms on the partner's page, is asked by the bank and passes, or not."""
    intent_id = Charge.objects.get(id=charge_id).external_charge_id
    client().v1.payment_intents.confirm(intent_id, params={"payment_method": card})
    return sandbox.authenticate(intent_id, outcome)
