"""Simulation by seeds: ``python -m tests.simulation --seeds 10000``; ``--seed N`` prints one history."""

from __future__ import annotations

import argparse
import gc
import sys
import time

from tests.simulation.plants import PLANTS, planted
from tests.simulation.seeds import first_failure, trace_of


def main() -> int:
    """Run the seeds; print the trace of the first one that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seed", type=int, help="print the trace of one seed")
    parser.add_argument("--plants", action="store_true", help="look for each planted bug instead")
    options = parser.parse_args()
    gc.freeze()
    if options.seed is not None:
        say(trace_of(options.seed, last=100_000))
        return 0
    seeds = range(options.start, options.start + options.seeds)
    return look_for_plants(seeds) if options.plants else simulate(seeds)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def simulate(seeds: range) -> int:
    """Run the correct logic."""
    began = time.process_time()
    failure = first_failure(seeds)
    if failure is not None:
        say(trace_of(failure.seed))
        return 1
    seconds = time.process_time() - began
    say(f"{len(seeds)} seeds in {seconds:.0f} s of processor time ({len(seeds) / seconds:.0f} a second): all hold")
    return 0


def look_for_plants(seeds: range) -> int:
    """Run the logic with each planted bug until it is found."""
    missed = 0
    for name in PLANTS:
        with planted(name):
            failure = first_failure(seeds)
        missed += failure is None
        found = "not found" if failure is None else f"{failure.seed - seeds.start + 1} seeds: {failure.text}"
        say(f"{name}: {found}")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
