"""The whole stack of `make run`, in a copy of the checkout, broken while partners ask."""

from collections.abc import Callable, Iterator

import pytest

from bench.restarts.faults import FAULTS
from bench.restarts.proof import begin, survive
from bench.restarts.stack import Stack, stack_in_a_copy


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """It was killed once while it made its demo data; its screens showed nothing alarming."""
    with stack_in_a_copy() as stack:
        begin(stack)
        yield stack


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.__name__ for fault in FAULTS])
def test_a_fault_under_load_loses_and_doubles_nothing(
    stack: Stack, fault: Callable[[Stack], str]
) -> None:
    assert "all agree" in survive(stack, fault, seed=FAULTS.index(fault))
