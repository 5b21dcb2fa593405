"""The end of a soak: the ledger, Stripe and the states of rows say the same."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from django.db.models import Sum

from bench.fixtures import BY
from charges import card_money
from charges import services as charges
from charges.gateway.client import client, pages
from charges.models import Charge, Refund
from payments_project import invariants
from wallets.models import LedgerEntry, Wallet


def differences(now: datetime) -> list[str]:
    """What does not agree, or waits."""
    proof = [f"{f.invariant}: {f.rows}" for f in invariants.prove() if f.rows]
    report = charges.reconcile(since=None, is_repairing=False, by=BY, now=now)
    found = [*proof, *map(str, report.differences), *_waiting()]
    ours, theirs = _card_account(), _moved_at_stripe()
    return found if ours == theirs else [*found, f"card is {ours}, Stripe moved {theirs}"]


def _waiting() -> list[str]:
    held = Wallet.objects.filter(held__gt=0).count()
    counts = {"held": held, "charges": len(charges.unfinished())}
    counts["refunds"] = len(charges.unfinished_refunds())
    flagged = Charge.objects.exclude(needs_review="") | Charge.objects.filter(
        refunds__in=Refund.objects.exclude(needs_review="")
    )
    texts = set(flagged.values_list("needs_review", flat=True))
    waiting = [f"{count} {what} wait" for what, count in counts.items() if count]
    return [*waiting, *(f"for staff: {text}" for text in sorted(texts))]


def _card_account() -> dict[str, int]:
    entries = LedgerEntry.objects.filter(account="card").values("transaction__currency")
    sums = entries.order_by().annotate(total=Sum("amount"))
    return {row["transaction__currency"]: row["total"] for row in sums}


def _moved_at_stripe() -> dict[str, int]:
    """What Stripe owes us is negative, as in the account `card`."""
    api = client().v1
    moved: Counter[str] = Counter()
    for intent in pages(api.payment_intents.list, {}):
        if intent.status == "succeeded":
            moved[intent.currency] -= intent.amount_received
    for made in pages(api.refunds.list, {}):
        if made.status == "succeeded":
            moved[made.currency] += made.amount
    for dispute in pages(api.disputes.list, {}):
        for movement in dispute.balance_transactions:
            moved[movement.currency] += movement.fee - movement.amount
    return {
        currency.upper(): card_money.from_processor(units, currency.upper())
        for currency, units in moved.items()
    }
