"""Doors rehearsed: what they would post is shown, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.db import transaction

from foundation.actors import Actor
from wallets.models import LedgerEntry


@contextmanager
def rehearsal() -> Iterator[tuple[Actor, list[LedgerEntry]]]:
    """What the block does as the actor is undone, and told to nobody; the list holds the ledger
    entries that it posted, with their wallets.
    """
    by, entries = Actor("system:rehearsal", uuid4().hex), list[LedgerEntry]()
    with transaction.atomic(durable=True):
        last = LedgerEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0
        yield by, entries
        posted = LedgerEntry.objects.filter(id__gt=last, transaction__request_id=by.request_id)
        entries += posted.select_related("transaction", "wallet").order_by("id")
        transaction.set_rollback(True)
