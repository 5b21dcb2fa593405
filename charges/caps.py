"""How often a card may be asked: the networks fine merchants that try a declined card too often.

Never more than 10 tries in 24 hours (Mastercard, "Transaction Processing Excellence") or 15 in 30
days (Visa, "Excessive Reattempts"): declined ones, for each card of a customer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Q

from charges.models import WITH_PROCESSOR, Charge
from wallets.ledger import WalletKey

CAPS = [(10, timedelta(hours=24)), (15, timedelta(days=30))]
CODE = "card_attempts_exceeded"
MESSAGE = (
    "The card was declined as often as card networks allow: 10 times in 24 hours, 15 in 30 days."
)


class Room(NamedTuple):
    """Whether a card's tries are used up, or would be if all that ask it now were declined."""

    is_used_up: bool
    is_taken: bool


def used_up(customers: Collection[WalletKey], now: datetime) -> dict[WalletKey, set[str]]:
    """The cards of these customers that must not be asked now."""
    if not customers:
        return {}
    partners, names = zip(*customers, strict=True)
    of_customers = Charge.objects.filter(partner_id__in=set(partners), customer_id__in=set(names))
    rows = of_customers.filter(_declined(now - CAPS[-1][1])).order_by()
    counted = rows.values_list("partner_id", "customer_id", "card").annotate(**_counts(now))
    each = [Q((f"within_{place}__gte", most)) for place, (most, _) in enumerate(CAPS)]
    is_over = Q.create([*each], connector=Q.OR)
    found: dict[WalletKey, set[str]] = {}
    for partner_id, customer_id, card, *_ in counted.filter(is_over):
        found.setdefault((partner_id, customer_id), set()).add(card)
    return found


def room(charge: Charge, now: datetime) -> Room:
    """What is left for the charge's card.

    Whoever asks has leased the charge before, and committed that: of two that would be one too
    many, each sees the other.
    """
    of_card = Charge.objects.filter(
        partner_id=charge.partner_id, customer_id=charge.customer_id, card=charge.card
    )
    asking = Q(status__in=WITH_PROCESSOR, attempts__gt=0) & ~Q(id=charge.id)
    counts = of_card.aggregate(asking=Count("id", filter=asking), **_counts(now))
    left = [most - counts[f"within_{place}"] for place, (most, _) in enumerate(CAPS)]
    return Room(is_used_up=min(left) <= 0, is_taken=min(left) <= counts["asking"])


def _counts(now: datetime) -> dict[str, Count]:
    """Declined tries within each window."""
    return {
        f"within_{place}": Count("id", filter=_declined(now - window))
        for place, (_, window) in enumerate(CAPS)
    }


def _declined(since: datetime) -> Q:
    """A charge that was spared is no try."""
    return Q(failed_at__gt=since, external_amount__gt=0) & ~Q(failure_code=CODE)
