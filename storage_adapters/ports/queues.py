"""Port of queues of notifications, and the opening of a queue by its URL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from storage_adapters.errors import UnknownStore
from storage_adapters.extras import import_adapter

NOTIFICATION_QUEUES = {"pubsub": "storage_adapters.notifications.pubsub.subscription:PubsubSubscription"}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions:
    """Options of a queue beyond its URL: the address of the emulator, if there is one."""

    emulator_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """A message and the receipt by which it is acknowledged; ``message`` is as the queue has it in JSON."""

    receipt: str
    message: Mapping[str, Any]


class NotificationQueue(ABC):
    """Messages that come at least once, in any order. What is not acknowledged in time comes again.

    Every method may raise ``StorageUnavailable``. One thread at a time calls them.
    """

    @abstractmethod
    def pull(self, limit: int) -> list[Pulled]:
        """Take up to ``limit`` messages; may wait some seconds for the first one, and return none."""

    @abstractmethod
    def acknowledge(self, receipts: Sequence[str]) -> None:
        """Forget these messages; harmless when it is done twice or too late."""

    @abstractmethod
    def extend(self, receipts: Sequence[str], *, seconds: int) -> None:
        """Keep these messages, which are being handled, for so many more seconds."""

    def retry(self, receipts: Sequence[str], *, seconds: int) -> None:
        """Hand these messages, which failed, out again after so many seconds; with 0 to anyone at once.

        A queue may wait longer for a message that failed before, and give it up after many times.
        """
        self.extend(receipts, seconds=seconds)

    @abstractmethod
    def ping(self) -> None:
        """Return when the queue exists and may be read."""

    @abstractmethod
    def close(self) -> None:
        """Release connections; closing twice is harmless."""


def open_notification_queue(url: str, options: QueueOptions) -> NotificationQueue:
    """Open the queue of a URL: ``pubsub://project/subscription``. Raises UnknownStore, StorageUnavailable."""
    scheme = urlsplit(url).scheme
    if scheme not in NOTIFICATION_QUEUES:
        raise UnknownStore(f"no queue for {scheme or 'a URL without a scheme'}")
    module, _, name = NOTIFICATION_QUEUES[scheme].partition(":")
    return cast(NotificationQueue, getattr(import_adapter(module), name).from_url(url, options))
