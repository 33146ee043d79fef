"""Prometheus metrics of an ingest worker."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from files_service.runtime.metrics import Metrics

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class IngestMetrics:
    """Counters beside those of every process."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.process = metrics
        self.chunks = Counter(
            "files_ingest_messages_total",
            "Messages of the queue door, by outcome.",
            ("outcome",),
            registry=registry,
        )
        self.duplicates = Counter(
            "files_ingest_duplicates_total", "Chunks that brought no new byte.", registry=registry
        )
        self.redeliveries = Counter(
            "files_ingest_redeliveries_total", "Messages that the broker delivered again.", registry=registry
        )
        self.dead = Counter("files_ingest_dead_total", "Dead letters.", registry=registry)
        self.queue_age = Gauge(
            "files_ingest_queue_age_seconds",
            "Age of the last message at its delivery, by the clock of its sender.",
            registry=registry,
        )
        self.store_seconds = Histogram(
            "files_ingest_store_seconds",
            "Seconds until a chunk is on stable storage.",
            buckets=_SECONDS,
            registry=registry,
        )
        self.blocked_seconds = Counter(
            "files_ingest_blocked_seconds_total", "Seconds in which the broker takes no answers.", registry=registry
        )
