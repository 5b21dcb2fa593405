"""What doors say when they need the processor's answer and do not get it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from charges.gateway.client import NotExecuted, OutcomeUnknown


class ProcessorUnavailable(Exception):
    """The processor does not answer; nothing was changed that a retry would double."""

    def __init__(self) -> None:
        super().__init__("The card processor does not answer. Retry later.")


@contextmanager
def answer_needed() -> Iterator[None]:
    """An answer that is lost, or refused for now, is ProcessorUnavailable."""
    try:
        yield
    except (NotExecuted, OutcomeUnknown) as error:
        raise ProcessorUnavailable from error
