"""The indexes of a CouchDB that is a copy are built before anybody lists."""

from __future__ import annotations

import threading
import time

import pytest

from storage_adapters import SupportsDesigns
from syncer.index_builder import build_all
from syncer.lease import LEASE_SECONDS, lease_names, syncer_lease
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.retry import Retry, Stopped
from syncer.syncer import run
from tests.contract.metadata_scenes import add
from tests.indexes import noted_builds
from tests.syncer.pairs import make_syncer, numbered

pytestmark = [pytest.mark.timeout(600), pytest.mark.parametrize("urls", ["redis couchdb"], indirect=True)]

SECONDS = 300


@pytest.fixture
def asked(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the target was asked to build; pauses are short."""
    return noted_builds(monkeypatch, pair.target)


def names_of(pair: Pair) -> list[str]:
    assert isinstance(pair.target, SupportsDesigns)
    return pair.target.designs()[1]


def built(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("syncer_index_seconds_count") or 0.0


def test_a_backfill_ends_with_all_indexes_built(pair: Pair, asked: list[str]) -> None:
    add(pair.source, *numbered(20))
    told: list[tuple[int, int]] = []
    build_all(pair, Retry(threading.Event()), lambda done, of: told.append((done, of)))
    assert asked == names_of(pair)
    assert told == [(done, len(asked)) for done in range(len(asked) + 1)]


def test_a_build_ends_when_the_process_is_to_stop(pair: Pair, asked: list[str]) -> None:
    stopping = threading.Event()
    with pytest.raises(Stopped):
        build_all(pair, Retry(stopping), lambda done, of: stopping.set() if done == 2 else None)
    assert len(asked) == 2


def test_a_syncer_that_runs_brings_all_indexes_up_to_date_again_and_again(pair: Pair, asked: list[str]) -> None:
    add(pair.source, *numbered(20))
    names, stopping = names_of(pair), threading.Event()
    metrics = Metrics()
    running = threading.Thread(target=run, args=(make_syncer(pair), metrics, Retry(stopping)))
    running.start()
    end = time.monotonic() + SECONDS
    while built(metrics) < 2 * len(names) and time.monotonic() < end:
        time.sleep(0.01)
    stopping.set()
    running.join(SECONDS)
    assert not running.is_alive()
    assert asked[: 2 * len(names)] == 2 * names
    assert built(metrics) >= 2 * len(names)


def test_a_syncer_that_waits_for_another_one_builds_nothing(pair: Pair, asked: list[str]) -> None:
    add(pair.source, *numbered(20))
    other = syncer_lease(pair.source, lease_names(pair.name)[0], seconds=LEASE_SECONDS)
    assert other.held()
    syncer, stopping = make_syncer(pair), threading.Event()
    syncer.step()
    assert syncer.is_standby
    running = threading.Thread(target=run, args=(syncer, Metrics(), Retry(stopping)))
    running.start()
    time.sleep(0.3)
    stopping.set()
    running.join(SECONDS)
    assert asked == []
