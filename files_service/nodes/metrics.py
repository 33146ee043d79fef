"""Prometheus metrics of a node, read on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from threading import Lock

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from files_service.nodes.status import NodeStatus


class NodeCollector(Collector):
    """Metrics of one node."""

    def __init__(self, status: Callable[[], NodeStatus]) -> None:
        self._status = status
        self._lock = Lock()
        self._requests: Counter[tuple[str, str]] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def count(self, kind: str, outcome: str) -> None:
        """Count a request by its kind and its outcome, both words of the protocol."""
        with self._lock:
            self._requests[kind, outcome] += 1

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Read the status of the node."""
        requests = CounterMetricFamily("files_node_requests", "Requests, by outcome.", labels=["request", "outcome"])
        with self._lock:
            for labels, count in sorted(self._requests.items()):
                requests.add_metric(labels, count)
        yield requests
        status = self._status()
        yield GaugeMetricFamily("files_node_chunks", "Chunks of the node.", status.chunks)
        yield GaugeMetricFamily("files_node_bytes", "Bytes of these chunks.", status.bytes)
        yield GaugeMetricFamily("files_node_free_bytes", "Free bytes of the disk.", status.free)
        yield GaugeMetricFamily("files_node_complete", "1 when the inventory is complete.", float(status.complete))
        yield GaugeMetricFamily("files_node_read_only", "1 when the disk takes no writes.", float(status.read_only))
        yield GaugeMetricFamily("files_node_quarantined", "Damaged copies in quarantine.", status.quarantined)
        yield CounterMetricFamily("files_node_scrubbed_bytes", "Bytes that the scrub has read.", status.scrubbed)
        yield GaugeMetricFamily(
            "files_node_oldest_unverified_seconds",
            "Age of the copy that was not read for longest.",
            status.oldest_unverified_seconds,
        )
