"""Pull delivery of notifications: pull, handle, acknowledge; for services that webhooks cannot reach.

1. A handled message is acknowledged; any other message is redelivered.
2. The deadline of messages that take long is extended while they are in this worker.
3. A stopping worker returns the messages that it has not started.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import Any

from files_service.core import Core
from files_service.errors import FilesError
from files_service.messaging.bucket_events import BucketEvents
from files_service.runtime.logs import accepted_request_id, request_id
from files_service.runtime.metrics import Metrics
from files_service.services.notifications.messages import Finalized, Ignored, Malformed, meaning, message_of
from files_service.services.notifications.outcomes import MeteredHandler
from files_service.services.notifications.s3_messages import read_events
from storage_adapters import NotificationQueue

logger = logging.getLogger(__name__)

BATCH = 100
THREADS = 4
EXTEND_EVERY_SECONDS = 5.0
EXTENSION_SECONDS = 30
# Delay before the redelivery of a message that failed.
RETRY_SECONDS = 10
IDLE_SECONDS = 0.25
STOPPED_EVERY_SECONDS = 0.2


class Puller:
    """A puller; one step handles one batch."""

    def __init__(
        self,
        core: Core,
        queue: NotificationQueue,
        metrics: Metrics,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._queue, self._stopped = queue, stopped
        is_of_broker = isinstance(queue, BucketEvents)
        self._read = _read_s3 if is_of_broker else _read_pubsub
        self._handler = MeteredHandler(core, metrics, "queue" if is_of_broker else "pull")
        self._hands = ThreadPoolExecutor(THREADS, thread_name_prefix="pull")

    def step(self) -> float:
        """Handle a batch; return the seconds to wait for the next one."""
        pulled = self._queue.pull(BATCH)
        if not pulled:
            return IDLE_SECONDS
        running = {each.receipt: self._hands.submit(copy_context().run, self._handle, each.message) for each in pulled}
        self._wait(running)
        handled = [receipt for receipt, future in running.items() if not future.cancelled() and future.result()]
        self._queue.acknowledge(handled)
        unhandled = [receipt for receipt in running if receipt not in set(handled)]
        if unhandled:
            self._queue.retry(unhandled, seconds=0 if self._stopped() else RETRY_SECONDS)
        return 0.0 if handled else IDLE_SECONDS

    def close(self) -> None:
        """Release the threads and the queue."""
        self._hands.shutdown(wait=False, cancel_futures=True)
        self._queue.close()

    def _wait(self, running: Mapping[str, Future[bool]]) -> None:
        """Wait for all calls, or when stopping, for those that have started."""
        extended_at = time.monotonic()
        waiting = set(running.values())
        while waiting:
            waiting = wait(waiting, timeout=STOPPED_EVERY_SECONDS).not_done
            if self._stopped():
                waiting = {future for future in waiting if not future.cancel()}
            if waiting and time.monotonic() - extended_at >= EXTEND_EVERY_SECONDS:
                extended_at = time.monotonic()
                rest = [receipt for receipt, future in running.items() if not future.done()]
                self._queue.extend(rest, seconds=EXTENSION_SECONDS)

    def _handle(self, value: Mapping[str, Any]) -> bool:
        """Handle one message; return True when it can be acknowledged."""
        try:
            for news in self._read(value):
                self._handler.handle(news)
        except Malformed as fault:
            self._handler.set_aside(fault)
        except FilesError as error:
            logger.warning("notification delayed", extra={"error": str(error), "code": error.code})
            return False
        except Exception:
            logger.exception("notification delayed")
            return False
        return True


def _read_pubsub(value: Mapping[str, Any]) -> list[Finalized | Ignored]:
    message = message_of(value)
    request_id.set(accepted_request_id(message.message_id))
    return [meaning(message)]


def _read_s3(value: Mapping[str, Any]) -> list[Finalized | Ignored]:
    return read_events(value["body"])
