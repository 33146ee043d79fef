"""File nodes in simulated worlds: no seed breaks an invariant, and each planted bug is found."""

from __future__ import annotations

import pytest

from tests.scale import at_scale
from tests.simulation.plants import PLANTS, planted
from tests.simulation.seeds import Failure, first_failure, run, trace_of

SEEDS = at_scale(quick=100, default=1_000, nightly=10_000)
MOST = 10_000
# A seed from which a planted bug is found soon; from seed 0 each takes at most some hundred.
NEAR = {
    "clean stop with an incomplete inventory": 67,
    "copy proved alone": 558,
    "corrupt copy counted": 751,
    "exists unverified": 39,
    "metadata first, no grace": 75,
    "stale epoch accepted": 27,
    "trim without fresh receipts": 751,
}


@pytest.mark.parametrize("start", range(0, SEEDS, 250))
def test_no_seed_breaks_an_invariant(start: int) -> None:
    failure = first_failure(range(start, min(start + 250, SEEDS)))
    assert failure is None, told(failure)


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    with planted(name):
        assert first_failure(range(NEAR.get(name, 0), MOST)) is not None


@pytest.mark.nightly
@pytest.mark.parametrize("name", NEAR)
def test_a_planted_bug_is_found_from_the_first_seed(name: str) -> None:
    with planted(name):
        assert first_failure(range(MOST)) is not None


def test_a_seed_is_one_history() -> None:
    first: list[str] = []
    second: list[str] = []
    assert run(7, first) == run(7, second)
    assert first == second
    assert len(first) > 50


def test_the_trace_of_a_failing_seed_tells_what_happened() -> None:
    with planted("silence taken for absence"):
        failure = first_failure(range(MOST))
        assert failure is not None
        trace = trace_of(failure.seed)
    assert "GetChunk" in trace
    assert trace.endswith(f"seed {failure.seed}: {failure.text}")


def test_the_worlds_meet_faults_losses_and_recoveries() -> None:
    outcomes = [run(seed) for seed in range(60)]
    assert sum(outcome.destroyed for outcome in outcomes) > 30
    assert sum(outcome.acknowledged for outcome in outcomes) > 200
    assert any(outcome.lost for outcome in outcomes)


def told(failure: Failure | None) -> str:
    return "" if failure is None else f"\n{trace_of(failure.seed)}"
