"""Metrics of a syncer, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, start_http_server

from files_service.runtime.clock import now_ms

_BATCHES = (1, 2, 5, 10, 20, 50, 100, 200, 500)


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry(auto_describe=False)
        self.oldest_waiting_at: int | None = None
        self.files_copied = 0
        self.active = Gauge("syncer_active", "1 while this process has the lease to copy.", registry=registry)
        self.refused = Gauge("syncer_refused", "1 while source and target contradict each other.", registry=registry)
        self.lag_changes = Gauge("syncer_lag_changes", "Changes that are not copied yet.", registry=registry)
        self._lag_seconds = Gauge("syncer_lag_seconds", "Age of the oldest of them.", registry=registry)
        self._lag_seconds.set_function(self.lag_seconds)
        self.batch = Histogram("syncer_batch_changes", "Changes in a batch.", buckets=_BATCHES, registry=registry)
        self.copied = Counter("syncer_copied", "Files copied.", ("by",), registry=registry)
        self.conflicts = Counter("syncer_conflicts", "Copies that the target had already, or newer.", registry=registry)
        self.backfill_files = Gauge("syncer_backfill_files", "Files that the backfill has copied.", registry=registry)
        self.backfill_total = Gauge("syncer_backfill_total", "Files that it is to copy.", registry=registry)
        self.parity = Gauge("syncer_parity", "1 equal, 0 different, -1 unknown.", registry=registry)
        self.parity.set(-1)
        self.verified_at = Gauge("syncer_verified_timestamp_seconds", "Time of the last comparison.", registry=registry)
        self.differences = Gauge("syncer_differences", "Differing files found by it.", ("kind",), registry=registry)
        self.repairs = Counter("syncer_repairs", "Files repaired.", ("kind",), registry=registry)
        self.index = Summary("syncer_index_seconds", "Bringing one index of the target up to date.", registry=registry)
        self.errors = Counter("syncer_errors", "Failures of a store.", registry=registry)
        self.last_error_at = Gauge("syncer_last_error_timestamp_seconds", "Time of the last one.", registry=registry)

    def lag_seconds(self) -> float:
        """Return the age of the oldest change that is known not to be copied."""
        oldest = self.oldest_waiting_at
        return 0.0 if oldest is None else max(0.0, (now_ms() - oldest) / 1000)

    def count(self, by: str, stored: Sequence[bool]) -> None:
        """Count copies, and those that were not needed."""
        self.files_copied += sum(stored)
        self.copied.labels(by).inc(sum(stored))
        self.conflicts.inc(len(stored) - sum(stored))

    def compared(self, by_kind: Mapping[str, int], *, is_equal: bool) -> None:
        """Show the result of a comparison."""
        self.parity.set(is_equal)
        self.verified_at.set_to_current_time()
        self.differences.clear()
        for kind, count in by_kind.items():
            self.differences.labels(kind).set(count)

    def fail(self) -> None:
        """Count a failure of a store."""
        self.errors.inc()
        self.last_error_at.set(time.time())

    def serve(self, host: str, port: int) -> None:
        """Serve the exposition in a thread. Raises OSError when the address is not available."""
        start_http_server(port, host, self.registry)
