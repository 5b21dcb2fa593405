"""The whole stack of `make run`, in a copy of the checkout, killed while partners ask."""

from bench.restarts.faults import everything
from bench.restarts.proof import begin, survive
from bench.restarts.stack import stack_in_a_copy


def test_a_stack_that_was_killed_under_load_starts_by_itself_and_lost_and_doubled_nothing() -> None:
    """It was killed in the middle of its demo data before; its screens showed nothing alarming.

    What else may break takes minutes: `python -m bench.restarts`.
    """
    with stack_in_a_copy() as stack:
        begin(stack)

        assert "all agree" in survive(stack, everything, seed=1)
