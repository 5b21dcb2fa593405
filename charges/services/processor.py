"""What every door says when the processor does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from charges.gateway.client import NotExecuted, OutcomeUnknown


class ProcessorAway(Exception):
    """The processor does not answer; nothing was changed that a retry would double."""

    def __init__(self) -> None:
        super().__init__("The card processor does not answer. Retry later.")


@contextmanager
def asked() -> Iterator[None]:
    """What is lost or refused for now is ProcessorAway."""
    try:
        yield
    except (NotExecuted, OutcomeUnknown) as error:
        raise ProcessorAway from error
