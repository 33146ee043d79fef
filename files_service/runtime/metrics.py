"""Prometheus metrics. Every label has a small, fixed set of values, whatever clients send."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from files_service.errors import FilesError, InternalError

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "OPTIONS", "DELETE", "PATCH"})

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "files_http_requests_total", "HTTP requests.", ("route", "method", "status"), registry=self.registry
        )
        self._latency = Histogram(
            "files_http_request_seconds",
            "Seconds from the headers of a request to the end of its response.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._actions = Counter(
            "files_actions_total", "API calls, by result.", ("action", "code"), registry=self.registry
        )
        self._action_seconds = Histogram(
            "files_action_seconds",
            "Seconds of an API call, without its transport.",
            ("action",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._notifications = Counter(
            "files_notifications_total",
            "Notifications, by outcome.",
            ("source", "outcome"),
            registry=self.registry,
        )
        self._delay = Histogram(
            "files_notification_delay_seconds",
            "Seconds from the completion of an object to the completion of its part.",
            ("source",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.uploaded_bytes = Counter("files_uploaded_bytes_total", "Bytes received.", registry=self.registry)
        self.downloaded_bytes = Counter("files_downloaded_bytes_total", "Bytes sent.", registry=self.registry)
        self._lines_left_out = Counter(
            "files_log_lines_left_out_total",
            "Lines about refusals beyond those that are logged in a minute.",
            ("event",),
            registry=self.registry,
        )
        self.in_flight = Gauge("files_http_requests_in_flight", "Requests in progress.", registry=self.registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is the pattern, never the path."""
        method = method if method in _METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._latency.labels(route, method).observe(seconds)

    @contextmanager
    def counting(self, action: str) -> Iterator[None]:
        """Count the call in the block by its code, "ok" for success, and time it."""
        code, started = InternalError.code, perf_counter()
        try:
            yield
            code = "ok"
        except FilesError as error:
            code = error.code
            raise
        finally:
            self._actions.labels(action, code).inc()
            self._action_seconds.labels(action).observe(perf_counter() - started)

    def notification(self, source: str, outcome: str, delay_seconds: float | None = None) -> None:
        """Count a notification, and the delay between its event and the completion of the part."""
        self._notifications.labels(source, outcome).inc()
        if delay_seconds is not None:
            self._delay.labels(source).observe(delay_seconds)

    def line_left_out(self, event: str) -> None:
        """Count a line that is not logged."""
        self._lines_left_out.labels(event).inc()

    def watch(self, collector: Collector) -> None:
        """Add a collector to the registry."""
        self.registry.register(collector)

    def serve(self, host: str, port: int) -> None:
        """Serve the metrics on a separate address, in a thread. Raises OSError when the address is unavailable."""
        start_http_server(port, host, self.registry)

    def exposition(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)
