"""Runs of seeds: one history, a range of them, the trace of a failing one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.simulation.faults import plan
from tests.simulation.kernel import Violation
from tests.simulation.world import Outcome, World


def run(seed: int, trace: list[str] | None = None) -> Outcome:
    """Run one history. Raises Violation."""
    world = World(seed, trace)
    world.kernel.run(5.0)
    end = plan(world)
    world.kernel.run(end)
    return world.settle()


@dataclass(frozen=True, slots=True)
class Failure:
    """A seed that breaks an invariant."""

    seed: int
    text: str


def first_failure(seeds: Iterable[int]) -> Failure | None:
    """Return the first seed that fails, None when none does."""
    for seed in seeds:
        try:
            run(seed)
        except Violation as violation:
            return Failure(seed, str(violation))
    return None


def trace_of(seed: int, last: int = 200) -> str:
    """Return the last lines of the history of a seed."""
    trace: list[str] = []
    try:
        run(seed, trace)
    except Violation as violation:
        trace.append(f"seed {seed}: {violation}")
    return "\n".join(trace[-last:])
