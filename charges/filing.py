"""Steps by which cards come on file, become the default, are stopped and removed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from charges import cards, declines, facts, holders
from charges.gateway.cards import Card
from charges.models import (
    Charge,
    PaymentMethod,
    PaymentMethodQuerySet,
    ProcessorCustomer,
    StoppedCard,
)
from foundation.actors import Actor
from webhooks import events

SHOWN = ["brand", "last4", "exp_month", "exp_year"]


def save(partner_id: UUID, customer_id: str, card: Card, *, now: datetime) -> PaymentMethod:
    """The card is on file. Raises PaymentMethodNotFound for one that was removed meanwhile, or is
    another customer's.
    """
    holders.lock(partner_id, customer_id)
    saved, _ = PaymentMethod.objects.get_or_create(
        external_id=card.external_id,
        defaults={
            "partner_id": partner_id,
            "customer_id": customer_id,
            "external_customer_id": card.customer,
            **{name: getattr(card, name) for name in SHOWN},
            "created_at": now,
        },
    )
    cards.check_owner(saved, partner_id, customer_id)
    return saved


def make_default(saved: PaymentMethod, *, at: datetime) -> None:
    """The card is the default, unless another was chosen later than `at`."""
    others = _on_file(saved.partner_id, saved.customer_id).exclude(id=saved.id)
    if others.filter(is_default=True, chosen_at__gt=at).exists():
        return
    others.filter(is_default=True).update(is_default=False)
    saved.is_default, saved.chosen_at = True, max(at, saved.chosen_at or at)
    saved.save(update_fields=["is_default", "chosen_at"])


def yield_default(saved: PaymentMethod, *, now: datetime) -> None:
    """The default card leaves its place to the newest other one; without one it stays."""
    others = _on_file(saved.partner_id, saved.customer_id).exclude(id=saved.id)
    if saved.is_default and (newest := _newest(others, now)):
        saved.is_default, saved.chosen_at = False, None
        saved.save(update_fields=["is_default", "chosen_at"])
        PaymentMethod.objects.filter(id=newest).update(is_default=True, chosen_at=now)


def fill_default(partner_id: UUID, customer_id: str, now: datetime) -> None:
    """A customer without a default card has the newest as it. That was nobody's choice: any that
    is heard of takes its place.
    """
    on_file = _on_file(partner_id, customer_id)
    if not on_file.filter(is_default=True).exists() and (newest := _newest(on_file, now)):
        PaymentMethod.objects.filter(id=newest).update(is_default=True, chosen_at=None)


def remove(
    saved: PaymentMethod, *, next_attempt_at: datetime | None = None, by: Actor, now: datetime
) -> bool:
    """The card is gone, and told; False when it was before. `next_attempt_at` is set when it is
    still to be detached at the processor.
    """
    customer = (saved.partner_id, saved.customer_id)
    return bool(_remove(*customer, Q(id=saved.id), next_attempt_at=next_attempt_at, by=by, now=now))


def remove_all(holder: ProcessorCustomer, *, by: Actor, now: datetime) -> int:
    """The Stripe customer is gone, its cards with it; returns how many there were."""
    ProcessorCustomer.objects.filter(id=holder.id).update(is_current=False)
    of_holder = Q(external_customer_id=holder.external_id)
    return _remove(holder.partner_id, holder.customer_id, of_holder, by=by, now=now)


def block_declined_card(charge: Charge, *, by: Actor, now: datetime) -> None:
    """After a hard decline no order asks the failed charge's card; one that the processor does not
    have any more is removed.
    """
    code = charge.failure_code
    is_lost = code in declines.LOST
    is_hard = code not in declines.SPARED and declines.stops_card(
        code, charge.failure_decline_code, charge.failure_advice_code
    )
    if not is_lost and not is_hard:
        return
    saved = PaymentMethod.objects.filter(external_id=charge.card).first()
    if saved and is_lost:
        remove(saved, by=by, now=now)
    elif saved or charge.is_for_order:  # others were used once, and cannot be again
        _stop(charge, now)


def _stop(charge: Charge, now: datetime) -> None:
    StoppedCard.objects.get_or_create(
        partner_id=charge.partner_id,
        customer_id=charge.customer_id,
        card=charge.card,
        defaults={
            "code": charge.failure_decline_code or charge.failure_code,
            "stopped_at": now,
        },
    )


def _remove(
    partner_id: UUID,
    customer_id: str,
    which: Q,
    *,
    next_attempt_at: datetime | None = None,
    by: Actor,
    now: datetime,
) -> int:
    holders.lock(partner_id, customer_id)
    gone = list(_on_file(partner_id, customer_id).filter(which).order_by("id").select_for_update())
    had_default = any(saved.is_default for saved in gone)
    for saved in gone:
        saved.is_default, saved.detached_at = False, now
        saved.next_attempt_at = next_attempt_at
        saved.save(update_fields=["is_default", "detached_at", "next_attempt_at"])
    if had_default:
        fill_default(partner_id, customer_id, now)
    events.publish([facts.payment_method_detached(saved) for saved in gone], by=by, now=now)
    return len(gone)


def _on_file(partner_id: UUID, customer_id: str) -> PaymentMethodQuerySet:
    """The customer's cards on file."""
    return PaymentMethod.objects.on_file().filter(partner_id=partner_id, customer_id=customer_id)


def _newest(saved: PaymentMethodQuerySet, now: datetime) -> UUID | None:
    """The card saved last that can be asked: neither stopped nor expired."""
    stops = StoppedCard.objects.filter(
        partner=OuterRef("partner"),
        customer_id=OuterRef("customer_id"),
        card=OuterRef("external_id"),
    )
    this_year = Q(exp_year=now.year, exp_month__gte=now.month)
    usable = saved.filter(~Exists(stops), Q(exp_year__gt=now.year) | this_year)
    return usable.order_by("-id").values_list("id", flat=True).first()
