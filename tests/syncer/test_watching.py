"""What runs for ever: the comparison that is repeated, waiting for stores, and the metrics of both."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage_adapters import StorageUnavailable
from syncer.ahead import ahead
from syncer.loops import Verdict, watch
from syncer.metrics import Metrics
from syncer.outages import Outages, Stopped
from syncer.pair import Pair
from syncer.repair import repair
from tests.contract.metadata_scenes import add
from tests.servers.ports import free_ports
from tests.syncer.pairs import numbered, open_pair_of, sync
from tests.syncer.processes import SyncerProcess


def test_a_comparison_is_repeated_and_its_result_is_a_metric(pair: Pair) -> None:
    add(pair.source, *numbered(5))
    sync(pair)
    pair.target.replicate([replace(pair.source.get("f000001"), name="other")], force=True)
    metrics, stopping = Metrics(), threading.Event()
    parities: list[float | None] = []
    seen: list[tuple[bool, dict[str, int]]] = []

    def report(verdict: Verdict) -> None:
        seen.append((verdict.equal, dict(verdict.by_kind)))
        parities.append(metrics.registry.get_sample_value("syncer_parity"))
        repair("f000001", leader=pair.source, follower=pair.target)
        if len(seen) == 2:
            stopping.set()

    verdict = watch(
        pair,
        metrics,
        Outages(stopping),
        wait_seconds=1,
        interval_seconds=0.01,
        tell=lambda difference: None,
        report=report,
    )
    assert seen == [(False, {"different": 1}), (True, {})]
    assert parities == [0, 1]
    assert verdict.equal
    assert metrics.registry.get_sample_value("syncer_differences", {"kind": "different"}) is None


def test_a_comparison_goes_on_when_the_stores_are_back(pair: Pair) -> None:
    add(pair.source, *numbered(3))
    sync(pair)
    stopping, outages_left = threading.Event(), [None] * 2

    class Target(type(pair.target)):  # type: ignore[misc]
        def digest(self) -> object:
            if outages_left:
                outages_left.pop()
                raise StorageUnavailable("away")
            return pair.target.digest()

    other = replace(pair, target=Target())
    verdict = watch(
        other,
        Metrics(),
        Outages(stopping),
        wait_seconds=1,
        interval_seconds=0.01,
        tell=lambda difference: None,
        report=lambda verdict: stopping.set(),
    )
    assert verdict.equal
    assert outages_left == []


def test_a_step_is_repeated_until_the_stores_are_back_or_the_patience_ends() -> None:
    failures = [StorageUnavailable("away")] * 2

    def step() -> str:
        if failures:
            raise failures.pop()
        return "done"

    metrics = Metrics()
    assert Outages(threading.Event(), on_failure=metrics.fail).outlive(step) == "done"
    assert metrics.registry.get_sample_value("syncer_errors_total") == 2
    failures.append(StorageUnavailable("away"))
    with pytest.raises(StorageUnavailable):
        Outages(threading.Event(), patience_seconds=0).outlive(step)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopped):
        Outages(stopping).outlive(step)


def test_what_is_read_ahead_comes_in_order_and_ends_as_it_ends() -> None:
    assert list(ahead(iter(range(20)))) == list(range(20))

    def broken() -> object:
        yield 1
        raise StorageUnavailable("away")

    items = ahead(broken())  # type: ignore[arg-type, var-annotated]
    assert next(items) == 1
    with pytest.raises(StorageUnavailable):
        next(items)
    endless = ahead(iter(int, 1))
    assert next(endless) == 0
    endless.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "reading ahead"]


def test_reading_ahead_may_be_closed_in_the_reading_thread() -> None:
    """A collection of cycles runs in any thread, and closes what it finds."""
    taken, closed = threading.Event(), threading.Event()

    def read() -> Iterator[int]:
        yield 1
        taken.wait(10)
        items.close()
        closed.set()

    items = ahead(read())
    assert next(items) == 1
    taken.set()
    assert closed.wait(10)


def test_the_metrics_of_a_running_syncer_are_served(tmp_path: Path) -> None:
    urls = (f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db")
    pair = open_pair_of(*urls)
    add(pair.source, *numbered(7))
    (port,) = free_ports(1)
    process = SyncerProcess(tmp_path, *urls, "--metrics", f"127.0.0.1:{port}")
    process.start()
    try:
        process.wait_for_log("the backfill is done")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
    finally:
        process.kill()
        pair.close()
    assert "syncer_active 1.0" in lines
    assert 'syncer_copied_total{by="backfill"} 7.0' in lines
