"""Runs: what is due to one endpoint is claimed, sent and recorded in batches."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from webhooks import claiming, delivery, posting
from webhooks.claiming import Claim, Owed
from webhooks.delivery import Outcome
from webhooks.models import Endpoint

BATCH = 64
WORTH = 2.0
"""Seconds of sending that a batch should hold, by what the POSTs of the one before it took."""
IN_FLIGHT = 8
PER_PLACE = 16
"""Successes in a row after which one more POST may be in flight."""
HOLD = 5.0
"""Seconds for which what was claimed may wait for its turn, well within the lease."""
TURN = 5.0
"""Seconds after which an endpoint lets those go first that wait."""
SLOW = 1.0

logger = structlog.get_logger(__name__)
Ask = Callable[..., Awaitable[Any]]
"""Calls a step in the thread that has the database."""


class Batch(NamedTuple):
    endpoint: Endpoint
    owed: list[tuple[Claim, Owed]]
    faults: list[Outcome]


@dataclass
class Drain:
    """Tries what is due to the endpoint, until it fails so often in a row or does not answer: what
    is left waits, so that no number of deliveries to a dead endpoint holds a worker.
    """

    endpoint_id: UUID
    is_failing: bool
    ask: Ask
    post: posting.Post
    tried: int = 0
    gave_up: bool = False
    is_slow: bool = False
    _size: int = 1
    _successes: int = 0
    _failures: int = 0
    _queue: deque[tuple[Claim, Owed]] = field(default_factory=deque)
    _outcomes: list[Outcome] = field(default_factory=list)

    async def work(self) -> None:
        if not await self.ask(delivery.acquire_slot, self.endpoint_id, timezone.now()):
            return
        until = time.monotonic() + TURN
        while not self.gave_up and time.monotonic() < until:
            batch = await self.ask(_claim, self.endpoint_id, self._size, timezone.now())
            if not batch.owed and not batch.faults:
                return
            await self._send(batch)

    async def _send(self, batch: Batch) -> None:
        began = time.monotonic()
        self._queue, self._outcomes = deque(batch.owed), list(batch.faults)
        places = min(1 + self._successes // PER_PLACE, IN_FLIGHT)
        senders = (self._send_on(batch.endpoint, began + HOLD) for _ in range(places))
        await asyncio.gather(*senders)
        self.tried += len(self._outcomes)
        untried = [claim for claim, _ in self._queue]
        await self.ask(_record, self.endpoint_id, self._outcomes, untried)
        self._size = self._next_size(places)

    def _next_size(self, places: int) -> int:
        took = sum(outcome.answer.duration_ms for outcome in self._outcomes) / 1000
        each = max(took / max(len(self._outcomes), 1), 0.001)
        return max(min(2 * self._size, BATCH, int(places * WORTH / each)), 1)

    async def _send_on(self, endpoint: Endpoint, until: float) -> None:
        """Sends one after the other while others of the same batch are in flight."""
        while self._queue and not self.gave_up and time.monotonic() < until:
            claim, owed = self._queue.popleft()
            self._outcomes.append(await self._attempt(endpoint, claim, owed))

    async def _attempt(self, endpoint: Endpoint, claim: Claim, owed: Owed) -> Outcome:
        at = timezone.now()
        try:
            secrets = delivery.secrets_of(endpoint, at)
            body, headers = delivery.signed(owed, secrets, at)
        except Exception:  # whatever it is, the others are sent
            logger.exception("webhooks.unsendable", delivery=str(claim.id))
            return delivery.fault(claim, at)
        outcome = Outcome(claim, await self.post(endpoint.url, body=body, headers=headers), at)
        self._learn(outcome)
        return outcome

    def _learn(self, outcome: Outcome) -> None:
        answer = outcome.answer
        self._successes = self._successes + 1 if answer.is_success else 0
        self._failures = 0 if answer.is_success else self._failures + 1
        self.is_slow = self.is_slow or answer.duration_ms > SLOW * 1000
        patience = 1 if self.is_failing else delivery.BEFORE_REST
        is_out = bool(answer.error) or answer.status == delivery.GONE
        self.gave_up = self.gave_up or is_out or self._failures >= patience


def _claim(endpoint_id: UUID, room: int, now: datetime) -> Batch:
    """The endpoint as it is now and what is due to it; what cannot be read is set aside."""
    endpoint = Endpoint.objects.get(id=endpoint_id)
    claims = claiming.claim(endpoint_id, room, now)
    lost = [claim for claim in claims if claim.lost >= delivery.TRIES]
    owed = _read([claim for claim in claims if claim.lost < delivery.TRIES])
    broken = [claim for claim in claims if claim.id not in owed]
    if lost:
        logger.error("webhooks.lost", deliveries=[str(claim.id) for claim in lost])
    return Batch(
        endpoint,
        [(claim, owed[claim.id]) for claim in claims if claim.id in owed],
        [delivery.fault(claim, now) for claim in broken],
    )


def _read(claims: Sequence[Claim]) -> dict[UUID, Owed]:
    """What is owed, without the rows that cannot be read: they are found by halving."""
    if not claims:
        return {}
    try:
        return claiming.read(claims)
    except (OperationalError, InterfaceError):
        raise  # the database is away: no row's fault
    except Exception:  # whatever it is, the others are sent
        if len(claims) == 1:
            logger.exception("webhooks.unreadable", delivery=str(claims[0].id))
            return {}
    half = len(claims) // 2
    return _read(claims[:half]) | _read(claims[half:])


def _record(endpoint_id: UUID, outcomes: Sequence[Outcome], untried: Sequence[Claim]) -> None:
    claiming.release(untried, timezone.now())
    if outcomes:
        _record_apart(endpoint_id, outcomes)


def _record_apart(endpoint_id: UUID, outcomes: Sequence[Outcome]) -> None:
    """All are recorded, or all but those that cannot be: they are found by halving."""
    try:
        with transaction.atomic(durable=True):
            delivery.record(endpoint_id, outcomes)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("webhooks.unrecorded", deliveries=[str(o.claim.id) for o in outcomes])
        half = len(outcomes) // 2
        parts = [outcomes[:half], outcomes[half:]] if half else _plainer(outcomes[0])
        for part in parts:
            _record_apart(endpoint_id, part)


def _plainer(outcome: Outcome) -> list[Sequence[Outcome]]:
    """Without what the receiver said, then without what came of it; left to its lease when not even
    that could be kept.
    """
    if outcome.answer.excerpt:
        return [[outcome._replace(answer=replace(outcome.answer, excerpt=""))]]
    if not outcome.by_fault:
        return [[delivery.fault(outcome.claim, outcome.started_at)]]
    return []
