"""Of several writers of one blob one is confirmed and no second one, whichever nodes are slow for whom."""

from __future__ import annotations

from typing import Any

import pytest

from storage_adapters.blobs.nodes import indexes
from storage_adapters.blobs.nodes.protocol.effects import Step
from storage_adapters.blobs.nodes.protocol.errors import OtherContent
from tests.scale import at_scale
from tests.simulation.index_writers import Contest
from tests.simulation.kernel import Violation

SEEDS = at_scale(quick=200, default=500, nightly=50_000)
MOST = 20_000


def test_one_writer_at_most_is_confirmed_and_nearly_always_one() -> None:
    confirmed = 0
    for seed in range(SEEDS):
        try:
            confirmed += Contest(seed, indexes.create).run()
        except Violation as violation:
            pytest.fail(f"seed {seed}: {violation}")
    # All may give way at the same time; their callers try again.
    assert confirmed >= SEEDS * 98 // 100


def test_an_index_that_a_writer_could_not_withdraw_never_takes_the_place_of_the_blob() -> None:
    left = 0
    for seed in range(SEEDS):
        contest = Contest(seed, indexes.create, loses_removals=True)
        try:
            contest.run()
        except Violation as violation:
            pytest.fail(f"seed {seed}: {violation}")
        left += len(set().union(*contest.kept.values())) > 1
    assert left


def ask_nobody(creation: Any, nodes: Any) -> Step[bool]:
    """Trust the nodes that took the copies."""
    yield from ()
    creation.heard += nodes
    return False


def ask_before(creation: Any, node: Any, rest: Any) -> Step[Any]:
    """Ask the others before there is a copy that others could meet."""
    met = yield from indexes._others(creation, rest)
    outcome = yield from indexes._beside(creation, node)
    return OtherContent("met") if met else outcome


@pytest.mark.parametrize(
    ("name", "forgetful", "near"),
    # From seed 0 the second one takes some thousand.
    [("_others", ask_nobody, 0), ("_copy", ask_before, at_scale(quick=3_090, default=3_090, nightly=0))],
)
def test_a_writer_that_forgets_a_rule_is_found(
    name: str, forgetful: Any, near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, name, forgetful)
    with pytest.raises(Violation, match="2 writers"):
        look(near)


def look(start: int) -> None:
    """Run histories."""
    for seed in range(start, start + MOST):
        Contest(seed, indexes.create).run()
