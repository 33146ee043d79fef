"""The worker of a process: relay, notifier, processor, sweeper and others, each in its own threads."""

from __future__ import annotations

import logging
import threading
import time

from files_service.core import Core
from files_service.messaging.events import EventPublisher
from files_service.nodes.controller.duties import duties_of
from files_service.runtime.metrics import Metrics
from files_service.worker.analytics import Analytics
from files_service.worker.card_verifier import CardVerifier
from files_service.worker.inboxes import Inboxes
from files_service.worker.index_builder import LeasedIndexBuilder
from files_service.worker.jobs import JobRunner
from files_service.worker.loop import Loop
from files_service.worker.notifier import Notifier
from files_service.worker.processor import Processor
from files_service.worker.puller import Puller
from files_service.worker.relay import Relay
from files_service.worker.scrubber import Scrubber
from files_service.worker.stored_bytes import StoredBytes
from files_service.worker.sweeper import Sweeper
from storage_adapters import Change, NotificationQueue, StorageError, SupportsDesigns

logger = logging.getLogger(__name__)

UNTIL_WOKEN_SECONDS = 3_600.0


class Worker:
    """All background work. Any number of workers may run; work that must not run twice has a lease.

    The caller owns core and publisher and closes them after ``stop``. ``stop`` closes the notification queue, if any.
    """

    def __init__(
        self,
        core: Core,
        publisher: EventPublisher,
        *,
        threads: int = 2,
        queue: NotificationQueue | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.core, holder = core, core.new_id()
        self._stopping = threading.Event()
        stopped = self._stopping.is_set
        self.relay = Relay(core, publisher, holder=holder, stopped=stopped, on_change=self._notice)
        self.notifier = Notifier(core, publisher, holder=holder, stopped=stopped)
        self.processor = Processor(core, threads=threads, stopped=stopped, on_work=self._wake_hands)
        self.sweeper = Sweeper(core, holder=holder, stopped=stopped)
        self.scrubber = Scrubber(core, holder=holder, stopped=stopped)
        self.analytics = Analytics(core, holder=holder, stopped=stopped)
        self.inboxes = Inboxes(core, holder=holder)
        self.stored_bytes = StoredBytes(core, holder=holder, stopped=stopped)
        self.jobs = JobRunner(core, holder=holder, stopped=stopped)
        self.card_verifier = CardVerifier(core, holder=holder, stopped=stopped)
        self._finder = Loop("processing", self.processor.step, self._stopping)
        self._hands = [Loop(f"processing-{number}", self._work, self._stopping) for number in range(1, threads + 2)]
        self._sweeping = Loop("sweeper", self.sweeper.step, self._stopping)
        self._scrubbing = Loop("scrub", self.scrubber.step, self._stopping)
        self._relaying = Loop("relay", self.relay.step, self._stopping)
        self._leased = [
            (self._relaying, self.relay.give_up),
            (Loop("notices", self.notifier.step, self._stopping), self.notifier.give_up),
            (self._sweeping, self.sweeper.give_up),
            (self._scrubbing, self.scrubber.give_up),
            (Loop("analytics", self.analytics.step, self._stopping), self.analytics.give_up),
            (Loop("inboxes", self.inboxes.step, self._stopping), self.inboxes.give_up),
            (Loop("stored-bytes", self.stored_bytes.step, self._stopping), self.stored_bytes.give_up),
            (Loop("jobs", self.jobs.step, self._stopping), self.jobs.give_up),
            (Loop("cards", self.card_verifier.step, self._stopping), self.card_verifier.give_up),
        ]
        if isinstance(core.metadata, SupportsDesigns):
            builder = LeasedIndexBuilder(core, core.metadata, holder=holder)
            self._leased.append((Loop("warming", builder.step, self._stopping), builder.give_up))
        # The work of a controller, where the blobs are on nodes; ``files controller`` does it as well.
        self.nodes = duties_of(core, holder=holder, stopped=stopped)
        self._of_nodes = (
            [Loop(name, step, self._stopping) for name, step in self.nodes.steps.items()] if self.nodes else []
        )
        self._puller = Puller(core, queue, metrics or Metrics(), stopped=stopped) if queue is not None else None
        self._pulling = [Loop("pull", self._puller.step, self._stopping)] if self._puller is not None else []

    @property
    def loops(self) -> list[Loop]:
        """All loops; health checks and metrics read their ``failures`` and ``alive``."""
        leased = [loop for loop, _ in self._leased]
        return [*leased, self._finder, *self._hands, *self._of_nodes, *self._pulling]

    def alive(self) -> bool:
        """Return True while every thread runs, even if its steps fail."""
        return all(loop.alive for loop in self.loops)

    def ended(self) -> list[str]:
        """Return the names of the loops whose thread has ended."""
        return [loop.name for loop in self.loops if not loop.alive]

    def failing(self) -> list[str]:
        """Return the names of the loops whose last step failed."""
        return [loop.name for loop in self.loops if loop.failures]

    def start(self) -> None:
        """Start all threads."""
        for loop in self.loops:
            loop.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Stop: return files that are being read, finish others. Return True when all threads ended in time.

        Another worker takes over unfinished work when the lease expires.
        """
        deadline = time.monotonic() + timeout_seconds
        self._stopping.set()
        for loop in self.loops:
            loop.wake()
        ended = {loop: loop.join(deadline - time.monotonic()) for loop in self.loops}
        for loop, give_up in self._leased:
            try:
                if ended[loop]:
                    give_up()
            except StorageError as error:
                logger.warning("lease not released; it will expire", extra={"loop": loop.name, "error": str(error)})
        if self._puller is not None:
            self._puller.close()
        if self.nodes is not None:
            self.nodes.close()
        return all(ended.values())

    def _work(self) -> float:
        if not self.processor.work():
            return UNTIL_WOKEN_SECONDS
        self._finder.wake()
        return 0.0

    def _wake_hands(self) -> None:
        for hand in self._hands:
            hand.wake()

    def _notice(self, change: Change) -> None:
        if change.deleted:
            self.sweeper.notice_removal(change.file_id)
            self._sweeping.wake()
        elif change.event == "uploaded":
            self._finder.wake()
            if self.nodes is not None:
                self.nodes.replicator.notice(change.file_id)
                self._of_nodes[-1].wake()
        elif self.scrubber.notice(change):
            self._scrubbing.wake()
