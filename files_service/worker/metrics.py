"""Prometheus metrics of the worker's loops, read on request."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from files_service.nodes.controller.metrics import NodesCollector
from files_service.worker.run import Worker


class WorkerCollector(Collector):
    """Metrics of one worker. Counters start at 0 with the process; leased work shows at the holder of the lease."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def collect(self) -> Iterator[Metric]:
        """Read the worker's attributes."""
        relay, processor, sweeper = self._worker.relay, self._worker.processor, self._worker.sweeper
        yield GaugeMetricFamily("files_worker_alive", "1 while every thread runs.", float(self._worker.alive()))
        failing = GaugeMetricFamily("files_worker_loop_failures", "Failures of a loop in a row.", labels=["loop"])
        for loop in self._worker.loops:
            failing.add_metric([loop.name], loop.failures)
        yield failing
        yield GaugeMetricFamily("files_relay_lag_changes", "Unpublished changes of the batch.", relay.lag_changes)
        yield GaugeMetricFamily("files_relay_lag_seconds", "Age of the oldest of these changes.", relay.lag_seconds)
        yield GaugeMetricFamily("files_relay_partitions", "Partitions of the feed that it has.", relay.partitions)
        yield CounterMetricFamily("files_relay_events", "Published events.", relay.published)
        yield GaugeMetricFamily("files_processing_in_flight", "Files queued or in progress.", processor.in_flight)
        outcomes = CounterMetricFamily("files_processing", "Processed files, by outcome.", labels=["status"])
        for status, count in sorted(processor.totals.items()):
            outcomes.add_metric([status], count)
        yield outcomes
        swept = CounterMetricFamily("files_swept", "Files handled by the sweeper, by action.", labels=["kind"])
        for kind, count in sorted(sweeper.totals.items()):
            swept.add_metric([kind], count)
        yield swept
        analytics = self._worker.analytics
        yield GaugeMetricFamily(
            "files_analytics_lag_changes", "Changes of the batch that are not counted yet.", analytics.lag_changes
        )
        yield CounterMetricFamily("files_analytics_counted", "Counted changes of files.", analytics.counted)
        stored = self._worker.stored_bytes
        yield CounterMetricFamily("files_stored_bytes_counts", "Counts of the stored bytes of owners.", stored.counted)
        scrubber = self._worker.scrubber
        yield GaugeMetricFamily("files_lost_parts", "Parts whose bytes are lost, up to 10 000.", scrubber.lost)
        yield GaugeMetricFamily(
            "files_unread_parts", "Parts that the pass could not read although the store answers.", scrubber.unread
        )
        yield GaugeMetricFamily(
            "files_oldest_unverified_seconds",
            "Age of the stored bytes that were not read for longest.",
            scrubber.oldest_unverified_seconds,
        )
        if self._worker.nodes is not None:
            yield from NodesCollector(self._worker.core, self._worker.nodes).collect()
