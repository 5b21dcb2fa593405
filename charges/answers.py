"""What the processor answered about a charge or a refund, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from charges.declines import NO_FAILURE, Failure
from charges.models import Outcome

CARDHOLDER_MAY_RETRY = {Outcome.DECLINED, Outcome.REFUSED}
FINAL = {Outcome.SUCCEEDED, Outcome.CANCELED, *CARDHOLDER_MAY_RETRY}
DECISIVE = {*FINAL, Outcome.REQUIRES_ACTION}


@dataclass(frozen=True, slots=True)
class Answer:
    """`external_id` is the intent's or refund's that it is about, empty for none; `text` is for
    staff, `failure` for the partner.
    """

    outcome: Outcome
    text: str = ""
    external_id: str = ""
    failure: Failure = NO_FAILURE
    client_secret: str = ""
    is_key_spent: bool = False
    """The processor has stored an error under the idempotency key, and repeats it for a day."""


def contradiction(expected: Mapping[str, object], actual: Mapping[str, object]) -> str:
    """What the processor says that differs from what we asked for; empty when both agree."""
    differing = [
        f"{name} {actual[name]} instead of {value}"
        for name, value in expected.items()
        if actual[name] != value
    ]
    return f"The processor says: {', '.join(differing)}." if differing else ""
