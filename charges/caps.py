"""How often a card may be asked: the networks fine merchants that try a declined card too often.

Never more than 10 tries in 24 hours (Mastercard, "Transaction Processing Excellence") or 15 in 30
days (Visa, "Excessive Reattempts"); declined ones are counted, for each card of a customer.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Count, Q

from charges.models import Charge
from wallets.ledger import WalletKey

CAPS = [(10, timedelta(hours=24)), (15, timedelta(days=30))]
CODE = "card_attempts_exceeded"
MESSAGE = (
    "The card was declined as often as card networks allow: 10 times in 24 hours, 15 in 30 days."
)


def reached(customers: Collection[WalletKey], now: datetime) -> dict[WalletKey, set[str]]:
    """The cards of these customers that must not be asked now."""
    if not customers:
        return {}
    partners, names = zip(*customers, strict=True)
    declined = Charge.objects.filter(
        partner_id__in=set(partners),
        customer_id__in=set(names),
        failed_at__gt=now - CAPS[-1][1],
        external_amount__gt=0,
    )
    counts = {
        f"within_{place}": Count("id", filter=Q(failed_at__gt=now - window))
        for place, (_, window) in enumerate(CAPS)
    }
    is_over = Q.create(
        [(f"within_{place}__gte", most) for place, (most, _) in enumerate(CAPS)], connector=Q.OR
    )
    rows = declined.values_list("partner_id", "customer_id", "card").annotate(**counts)
    capped: dict[WalletKey, set[str]] = {}
    for partner_id, customer_id, card, *_ in rows.filter(is_over).order_by():
        capped.setdefault((partner_id, customer_id), set()).add(card)
    return capped
