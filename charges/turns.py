"""Partners in turn: one large book keeps nobody else's charges waiting."""

from __future__ import annotations

import threading
import time
from collections import deque
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef

from charges.models import Charge, ChargeQuerySet
from foundation import queues
from partners.models import Partner

LOOK_GAP = 0.2
"""Seconds for which the partners that have due charges are taken as known, if there are any."""


class Turns:
    """The due charges that orders ask for, or those that nobody but a partner asked for: each time
    the next partner's. Threads may share it.
    """

    def __init__(self, *, is_for_order: bool) -> None:
        self._is_owned = is_for_order
        self._lock = threading.Lock()
        self._partners: deque[UUID] = deque()
        self._look_at = 0.0

    def next(self, now: datetime) -> Charge | None:
        """The longest-due charge of the partner whose turn it is, locked; others' locks are stepped
        over. None when nobody has one.
        """
        for partner_id in self._round(now):
            if charge := queues.take_next(self._due(now).filter(partner_id=partner_id)):
                return charge
            self._pass(partner_id)
        return None

    def _due(self, now: datetime) -> ChargeQuerySet:
        return Charge.objects.due(now).filter(installment_order_id__isnull=not self._is_owned)

    def _round(self, now: datetime) -> list[UUID]:
        """Every partner with due charges, beginning with whose turn it is."""
        with self._lock:
            if not self._partners or time.monotonic() >= self._look_at:
                due = Exists(self._due(now).filter(partner_id=OuterRef("id")))
                found = set(Partner.objects.filter(due).values_list("id", flat=True))
                known = [partner_id for partner_id in self._partners if partner_id in found]
                self._partners = deque([*known, *sorted(found.difference(known))])
                self._look_at = time.monotonic() + LOOK_GAP
            turn = list(self._partners)
            self._partners.rotate(-1)
            return turn

    def _pass(self, partner_id: UUID) -> None:
        with self._lock:
            if partner_id in self._partners:
                self._partners.remove(partner_id)
