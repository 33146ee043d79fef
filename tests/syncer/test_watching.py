"""What runs for ever: the comparison that is repeated, waiting for stores, and the metrics of both."""

from __future__ import annotations

import threading
import urllib.request
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from storage_adapters import NoStore, SchemaMismatch, StorageUnavailable
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.repair import repair
from syncer.retry import Retry, Stopped
from syncer.verification import Verdict, verify, watch
from tests.contract.metadata_scenes import add
from tests.servers.ports import free_ports
from tests.syncer.pairs import numbered, open_pair_of, sync
from tests.syncer.processes import SyncerProcess
from tests.waiting import PATIENCE_SECONDS, wait_until


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

    compare = partial(verify, pair, metrics, stopping, wait_seconds=1, tell=lambda difference: None)
    verdict = watch(compare, pair, metrics, Retry(stopping), interval_seconds=0.01, report=report)
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
    metrics = Metrics()
    compare = partial(verify, other, metrics, stopping, wait_seconds=1, tell=lambda difference: None)
    verdict = watch(
        compare, other, metrics, Retry(stopping), interval_seconds=0.01, report=lambda verdict: stopping.set()
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
    assert Retry(threading.Event(), on_failure=metrics.fail).call(step) == "done"
    assert metrics.registry.get_sample_value("syncer_errors_total") == 2
    failures.append(StorageUnavailable("away"))
    with pytest.raises(StorageUnavailable):
        Retry(threading.Event(), patience_seconds=0).call(step)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopped):
        Retry(stopping).call(step)


@pytest.mark.parametrize("error", [NoStore("sqlite:///x"), SchemaMismatch("redis", found="2", known="1")])
def test_patience_ends_at_once_where_somebody_has_to_do_something(
    error: StorageUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    def step() -> None:
        raise error

    with pytest.raises(type(error)):
        Retry(threading.Event(), patience_seconds=3_600).call(step)
    # What is raised is told by the command, and not twice.
    assert caplog.messages == []


def test_the_metrics_of_a_running_syncer_are_served(tmp_path: Path) -> None:
    urls = (f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db")
    pair = open_pair_of(*urls)
    add(pair.source, *numbered(7))
    (port,) = free_ports(1)
    process = SyncerProcess(tmp_path, *urls, "--metrics", f"127.0.0.1:{port}")
    process.start()
    try:
        process.wait_for_log("the backfill is complete")
        expected = {"syncer_active 1.0", 'syncer_copied_total{by="backfill"} 7.0'}
        wait_until(lambda: expected <= set(metrics_at(port)), seconds=PATIENCE_SECONDS)
    finally:
        process.kill()
        pair.close()


def metrics_at(port: int) -> list[str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_SECONDS) as answer:
        text: str = answer.read().decode()
    return text.splitlines()
