from __future__ import annotations

import argparse

from bench import restarts
from bench.restarts.faults import FAULTS, everything
from bench.restarts.proof import begin, survive
from bench.restarts.stack import stack_in_a_copy


def main() -> None:
    """Ends the program with a sentence at the first thing that is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m bench.restarts", description=restarts.__doc__)
    parser.add_argument("--times", type=int, default=1, help="kills of everything")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", nargs="+", metavar="FAULT", choices=[fault.__name__ for fault in FAULTS]
    )
    options = parser.parse_args()
    with stack_in_a_copy() as stack:
        begin(stack)
        faults = [everything] * options.times + FAULTS[1:]
        if options.only:
            faults = [fault for fault in faults if fault.__name__ in options.only]
        for number, fault in enumerate(faults):
            told = survive(stack, fault, options.seed + number)
            print(f"{number + 1:>3} {fault.__name__:<16} {told}", flush=True)


if __name__ == "__main__":
    main()
