"""The work of ``files notifier``: reads the feed, looks at disks and sessions, and sends what is due.

A lease allows one process at a time; each step may be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from files_service.core import Core
from files_service.domain.disk_space import Space
from files_service.services.notices.channels import Channel, Sender, wanted_by
from files_service.services.notices.dead_letters import look_at_dead_letters
from files_service.services.notices.delivery import Delivery
from files_service.services.notices.digest import tell_day
from files_service.services.notices.disks import look_at_disks, places_of, space_of
from files_service.services.notices.feed import BATCH, NoticeFeed
from files_service.services.notices.silence import tell_silent
from files_service.worker.leased import Leased
from storage_adapters import CheckpointConflict

LEASE_SECONDS = 120
STEP_SECONDS = 1.0
LOOK_MS = 60_000


class NoticeWorker(Leased):
    """All steps of the notifier. ``places`` are the folders whose disks are looked at."""

    def __init__(
        self,
        core: Core,
        channels: Sequence[Channel],
        senders: Sequence[Sender],
        *,
        holder: str,
        stopped: Callable[[], bool] = lambda: False,
        places: Mapping[str, Path] | None = None,
        measure: Callable[[Path], Space] = space_of,
        dead_letters: Callable[[], int | None] | None = None,
    ) -> None:
        super().__init__(core, "notices", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        self._measure, self._dead_letters = measure, dead_letters
        self._wanted = wanted_by(channels)
        self._places = places_of(core.settings) if places is None else places
        self._feed = NoticeFeed(core, self._wanted)
        self.delivery = Delivery(core, senders, may_go_on=self._may_go_on)
        self._looked_at: int | None = None

    def step(self) -> float:
        """Do what is to be done; return the seconds to wait."""
        if not self._lease.held():
            return STEP_SECONDS
        read, failure = 0, None
        try:
            read = self._feed.step()
        except CheckpointConflict:
            return STEP_SECONDS  # another process reads, although we have the lease
        except Exception as error:  # noqa: BLE001 - reported below
            failure = error
        for stage in (*self._looks(), self.delivery.step):
            try:
                stage()
            except Exception as error:  # noqa: BLE001 - reported below
                failure = failure or error
        if failure is not None:
            # What fails keeps nothing else back; the loop reports the first failure, and waits longer with each step.
            raise failure
        return 0.0 if read == BATCH else STEP_SECONDS

    def _looks(self) -> list[Callable[[], None]]:
        """Return the looks that are due, at most once in ``LOOK_MS``."""
        now, core, wanted = self._core.clock(), self._core, self._wanted
        if self._looked_at is not None and 0 <= now - self._looked_at < LOOK_MS:
            return []
        self._looked_at = now
        looks: list[Callable[[], None]] = [
            partial(tell_silent, core, wanted),
            partial(look_at_disks, core, wanted, self._places, self._measure),
            partial(tell_day, core, wanted),
        ]
        if self._dead_letters is not None:
            looks.append(partial(look_at_dead_letters, core, wanted, self._dead_letters))
        return looks

    def _may_go_on(self) -> bool:
        return not self._stopped() and self._lease.held()


class NoticeCollector(Collector):
    """Metrics of the notifier; the counters start at 0 with the process."""

    def __init__(self, core: Core, delivery: Delivery) -> None:
        self._core, self._delivery = core, delivery

    def collect(self) -> Iterator[Metric]:
        """Read the totals of the delivery."""
        delivery = self._delivery
        for name, text, counts in (
            ("files_notices_sent", "Notices that a channel took.", delivery.sent),
            ("files_notices_failed", "Messages that a channel did not take.", delivery.failed),
            (
                "files_notices_given_up",
                "Notices that were not sent within a day, or that no text can be made of.",
                delivery.given_up,
            ),
        ):
            family = CounterMetricFamily(name, text, labels=["channel"])
            for channel in delivery.waiting:
                family.add_metric([channel], counts[channel])
            yield family
        waiting = GaugeMetricFamily("files_notices_waiting", "Notices to be sent, up to 200.", labels=["channel"])
        for channel, count in delivery.waiting.items():
            waiting.add_metric([channel], count)
        yield waiting
        age = 0.0 if delivery.oldest_at is None else max(0.0, (self._core.clock() - delivery.oldest_at) / 1_000)
        yield GaugeMetricFamily("files_notices_oldest_seconds", "Age of the oldest notice to be sent.", age)
