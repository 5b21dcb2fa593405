"""How often a card may be asked: the networks fine merchants that try a declined card too often.

Never more than 10 tries in 24 hours (Mastercard, "Transaction Processing Excellence") or 15 in 30
days (Visa, "Excessive Reattempts"): declined ones, for each card of a customer.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Q, QuerySet

from charges import attempts
from charges.declines import SPARED
from charges.models import WITH_PROCESSOR, Charge, ChargeStatus
from wallets.ledger import WalletKey

CAPS = [(10, timedelta(hours=24)), (15, timedelta(days=30))]
CODE = "card_attempts_exceeded"
MESSAGE = (
    "The card was declined as often as card networks allow: 10 times in 24 hours, 15 in 30 days."
)
TURN = (5.0, 15.0)
"""Between how many seconds, at random, a charge looks again whether it is its turn."""
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


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


def is_used_up(charge: Charge, now: datetime) -> bool:
    """Whether the charge's card was declined as often as networks allow."""
    return _left(charge, now) <= 0


def take_turn(charge: Charge, now: datetime) -> bool:
    """A step: whether the locked charge may ask its card now. If not, it waits for its turn.

    It may while there is room for it and for every call in flight, should all of them be declined;
    a card that did not pay the last time is asked by one at a time, so that its decline reaches the
    others. Nothing but calls counts, so that whatever only waits never keeps others waiting. The
    lock lasts as long as the caller's transaction: whoever is let through counts for the next.
    """
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, [f"{charge.partner_id}:{charge.customer_id}:{charge.card}"])
    # In this order: one that is declined between the two counts twice, never not at all.
    in_flight = attempts.under_way(_with_processor(charge), now).exclude(id=charge.id).count()
    left = _left(charge, now)
    if left <= 0 or in_flight < (left if _paid_last(charge) else 1):  # used up, it fails unasked
        _change_wait(charge, None)
        return True
    charge.next_attempt_at = now + timedelta(seconds=random.uniform(*TURN))
    _change_wait(charge, charge.waiting_since or now)
    return False


def pass_turn(charge: Charge, now: datetime) -> None:
    """A step: the charge asks its card no more, so the oldest that waits for it is due now."""
    waiting = _with_processor(charge).filter(waiting_since__isnull=False, next_attempt_at__gt=now)
    oldest = waiting.order_by("id").select_for_update(of=("self",), skip_locked=True).first()
    if oldest:
        Charge.objects.filter(id=oldest.id).update(next_attempt_at=now)


def _change_wait(charge: Charge, since: datetime | None) -> None:
    if charge.waiting_since or since:
        charge.waiting_since = since
        charge.save(update_fields=["waiting_since", "next_attempt_at"])


def _of_card(charge: Charge) -> QuerySet[Charge]:
    """All charges of the charge's card."""
    return Charge.objects.filter(
        partner_id=charge.partner_id, customer_id=charge.customer_id, card=charge.card
    )


def _with_processor(charge: Charge) -> QuerySet[Charge]:
    return _of_card(charge).filter(status__in=WITH_PROCESSOR)


def _paid_last(charge: Charge) -> bool:
    """Whether the newest charge that asked the card was paid."""
    asked = _of_card(charge).filter(
        status__in=[ChargeStatus.SUCCEEDED, ChargeStatus.FAILED], external_amount__gt=0
    )
    newest = asked.exclude(failure_code__in=SPARED).order_by("-id").only("status").first()
    return newest is not None and newest.status == ChargeStatus.SUCCEEDED


def _left(charge: Charge, now: datetime) -> int:
    """How many more declines of the charge's card the networks allow now."""
    recent = _of_card(charge).filter(_declined(now - CAPS[-1][1]))
    declined: dict[str, int] = recent.aggregate(**_counts(now))
    return min(most - declined[f"within_{place}"] for place, (most, _) in enumerate(CAPS))


def _counts(now: datetime) -> dict[str, Count]:
    """Declined tries within each window."""
    return {
        f"within_{place}": Count("id", filter=_declined(now - window))
        for place, (_, window) in enumerate(CAPS)
    }


def _declined(since: datetime) -> Q:
    """A charge that was spared is no try."""
    return Q(failed_at__gt=since, external_amount__gt=0) & ~Q(failure_code__in=SPARED)
