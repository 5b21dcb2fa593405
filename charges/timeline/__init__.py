"""Why a charge is what it is: every fact about it in order, in words and numbers.

Derived from what is stored for other reasons, so it cannot disagree with it. A fixed number of
queries, whatever the charge went through.
"""

from __future__ import annotations

from charges.models import Charge
from charges.timeline import collecting, returning, traces
from charges.timeline.story import Entry, Story

# Facts of one moment, in the order in which they follow from each other.
ORDER = [
    "created",
    "decided",
    "refund.created",
    "attempt",
    "attempt.cut_off",
    "processor_event",
    "resolution",
    "requires_action",
    "cancel_requested",
    "succeeded",
    "failed",
    "canceled",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "dispute.closed",
    "dispute.funds",
    "dispute.allocated",
    "dispute.reversed",
    "reopened",
    "ledger",
    "shares",
    "event",
    "delivery",
    "outlook",
    "next",
]
PARTS = [
    collecting.beginning,
    collecting.attempts,
    collecting.processor_events,
    collecting.resolutions,
    collecting.outcome,
    returning.refunds,
    returning.disputes,
    returning.reopening,
    traces.ledger,
    traces.events,
    collecting.what_comes_next,
]


def of(charge: Charge, *, names_staff: bool = False) -> list[Entry]:
    """The charge's facts, oldest first; what is still to come last.

    With `names_staff` persons and commands are named; partners see that it was the operator.
    """
    story = Story(charge, names_staff)
    entries = [entry for part in PARTS for entry in part(story)]
    return sorted(entries, key=lambda entry: (entry.at, ORDER.index(entry.type)))
