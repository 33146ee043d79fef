"""Metrics of the store that answers lists."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from files_service.services.listing.router import Lists


class ListsCollector(Collector):
    """Collector of list answers by store, and of fallbacks to the primary by reason."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    def collect(self) -> Iterator[Metric]:
        """Read the router's counters."""
        answers = CounterMetricFamily("files_lists", "Lists, counts and reports.", labels=["served_by"])
        for name, count in sorted(self._lists.answers().items()):
            answers.add_metric([name], count)
        yield answers
        fallbacks = CounterMetricFamily("files_list_fallbacks", "Lists the primary answered.", labels=["reason"])
        for reason, count in sorted(self._lists.fallbacks().items()):
            fallbacks.add_metric([reason], count)
        yield fallbacks
        passed_over = "Files that lists passed over: a later version wrote a value of theirs."
        yield CounterMetricFamily("files_unreadable_records", passed_over, self._lists.unreadable)
        second = self._lists.second
        is_open = float(second is not None and second.circuit_is_open)
        yield GaugeMetricFamily("files_list_store_resting", "1 while its circuit is open.", is_open)
