"""Doors: a charge follows its intent, whoever heard of it: a callback, or a repair."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from charges import locking
from charges.gateway import intents
from charges.gateway.intents import Intent
from charges.models import OPEN, Charge, ChargeStatus, Outcome
from charges.processor.charges import classify
from charges.review_flags import flag
from charges.services.charging import settle
from foundation.actors import Actor

NEWS = {
    Outcome.SUCCEEDED,
    Outcome.DECLINED,
    Outcome.CANCELED,
    Outcome.REQUIRES_ACTION,
    Outcome.DIFFERS,
}
"""What decides something; the rest is left to whoever is asking."""


def sync_intent(
    *, intent_id: str, reported: str = "", by: Actor, now: datetime
) -> tuple[Charge | None, str]:
    """The charge of the intent stands as the processor has it, fetched now; not even fetched when
    the charge has ended and the state that was `reported` does not put that in doubt.

    Returns the charge and what was done. Raises what the gateway raises.
    """
    charge = Charge.objects.filter(external_charge_id=intent_id).first()
    if charge is None:
        return None, "No charge here has this intent."
    is_success = charge.status == ChargeStatus.SUCCEEDED
    if charge.status not in OPEN and reported and is_success == (reported == "succeeded"):
        return charge, f"The charge was {charge.status} before."
    intent = intents.retrieve(intent_id)
    if charge.status not in OPEN:
        return charge, _after_the_end(charge, intent, now)
    answer = classify(charge, intent)
    is_known = answer.outcome == charge.status == Outcome.REQUIRES_ACTION
    if answer.outcome in NEWS and not is_known:
        charge = settle(charge, answer, None, by=by, now=now)
    return charge, f"The charge is {charge.status}."


def _after_the_end(charge: Charge, intent: Intent, now: datetime) -> str:
    """Money that moved although we said that it did not is for staff to see."""
    is_agreed = (intent.status == "succeeded") == (charge.status == ChargeStatus.SUCCEEDED)
    if is_agreed:
        return f"The charge was {charge.status} before."
    text = f"The charge is {charge.status}; the processor says that {intent.id} is {intent.status}."
    with transaction.atomic(durable=True):
        locking.lock(charge.id)
        flag(charge, text, now)
    return text
