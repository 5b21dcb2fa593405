"""How often those without a key may ask, by where they come from."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from redis.client import Pipeline

from foundation import broker
from partners.addresses import client_network

WINDOW = 60


def exceeds(request: HttpRequest, now: float) -> bool:
    """One more request of a stranger was counted, and it is more than a minute allows.

    Never while the broker is away: nobody counts then.
    """
    counter = f"strangers:{client_network(request)}:{int(now) // WINDOW}"

    def commands(pipeline: Pipeline) -> None:
        pipeline.incr(counter)
        pipeline.expire(counter, 2 * WINDOW)

    answers = broker.ask(commands)
    return answers is not None and int(answers[0]) > settings.STRANGER_REQUESTS_PER_MINUTE


def seconds_left(now: float) -> int:
    """Until the next minute begins."""
    return int(WINDOW - now % WINDOW) + 1
