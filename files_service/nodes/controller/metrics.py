"""Prometheus metrics of a controller: its nodes, the last census, and replication."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from files_service.core import Core
from files_service.nodes.controller.census.reports import Outcome, load_outcome
from files_service.nodes.controller.duties import Duties
from storage_adapters import StorageError


class NodesCollector(Collector):
    """Metrics of one controller. Those of the census are the same at all of them."""

    def __init__(self, core: Core, duties: Duties) -> None:
        self._core, self._duties = core, duties

    def collect(self) -> Iterator[Metric]:
        """Read the attributes of the controller and the report of the last census."""
        watch, replicator = self._duties.watch, self._duties.replicator
        view, members = watch.view, watch.members.values()
        nodes = GaugeMetricFamily("files_nodes", "File nodes, by state.", labels=["state"])
        states = [node.state for node in view.layout.registered]
        for state in ("joining", "active", "draining"):
            nodes.add_metric([state], states.count(state))
        for state, found in (("silent", view.silent), ("out", view.out), ("returning", view.returning)):
            nodes.add_metric([state], len(found))
        yield nodes
        yield GaugeMetricFamily(
            "files_nodes_oldest_unverified_seconds",
            "Age of the copy that its node did not read for longest.",
            max((member.ping.oldest_unverified_seconds for member in members), default=0.0),
        )
        yield GaugeMetricFamily("files_replication_waiting", "Uploads that wait for their copies.", replicator.waiting)
        yield CounterMetricFamily("files_replication", "Uploads whose copies were seen to.", replicator.copied)
        outcome: Outcome | None = None
        with suppress(StorageError):
            outcome = load_outcome(self._core)
        if outcome is not None:
            yield from _of_census(outcome, self._core.clock())


def _of_census(outcome: Outcome, now: int) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "files_census_under_replicated", "Chunks with too few copies after the last census.", outcome.under_replicated
    )
    yield GaugeMetricFamily("files_census_repairs", "Chunks that lacked a copy before it.", outcome.repairs)
    yield GaugeMetricFamily("files_census_failed_repairs", "Copies that it could not make.", outcome.failed_repairs)
    yield GaugeMetricFamily("files_census_lost", "Chunks of which no node has a copy.", outcome.lost_chunks)
    yield GaugeMetricFamily(
        "files_census_unavailable", "Chunks without a copy on the nodes that answered.", outcome.unavailable_chunks
    )
    yield GaugeMetricFamily("files_census_garbage", "Copies that nothing needs.", outcome.candidates)
    yield GaugeMetricFamily(
        "files_census_held_back", "Copies that wait for `files nodes confirm`.", sum(outcome.held_back.values())
    )
    age = (now - outcome.complete_at) / 1000 if outcome.complete_at else 0.0
    yield GaugeMetricFamily("files_census_age_seconds", "Seconds since the last complete census; 0: none yet.", age)
