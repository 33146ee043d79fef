"""A Pub/Sub subscription over REST. Streaming needs gRPC, which is incompatible with eventlet.

URL: ``pubsub://PROJECT/SUBSCRIPTION``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Self
from urllib.parse import urlsplit

from storage_adapters.errors import StorageUnavailable, UnknownStore
from storage_adapters.notifications.pubsub.desired_state import JSON
from storage_adapters.notifications.pubsub.rest import PUBSUB, RestApi, TimedOut, repeated
from storage_adapters.ports.queues import NotificationQueue, Pulled, QueueOptions

# The server delays an empty response; a stopping process waits at most this long for it.
PULL_SECONDS = 5.0
MOST_RECEIPTS = 500
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_PROJECT = re.compile(r"[a-z0-9.:-]{1,63}")


class PubsubSubscription(NotificationQueue):
    """A subscription to pull from."""

    def __init__(self, project: str, name: str, *, emulator_host: str = "") -> None:
        self.name = f"projects/{project}/subscriptions/{name}"
        self._rest = RestApi("pubsub", PUBSUB, emulator=emulator_host)

    @classmethod
    def from_url(cls, url: str, options: QueueOptions) -> Self:
        """Open ``pubsub://project/subscription``."""
        parts = urlsplit(url)
        name = parts.path.removeprefix("/")
        if parts.query or parts.fragment or not _PROJECT.fullmatch(parts.netloc) or not _NAME.fullmatch(name):
            raise UnknownStore("a Pub/Sub queue is pubsub://PROJECT/SUBSCRIPTION")
        return cls(parts.netloc, name, emulator_host=options.emulator_host)

    def pull(self, limit: int) -> list[Pulled]:
        """See ``NotificationQueue``."""
        # Not repeated here: messages of a lost response are redelivered after their lease, and callers pull in a loop.
        try:
            answer = self._rest.call(
                "POST", f"/v1/{self.name}:pull", {"maxMessages": limit}, timeout_seconds=PULL_SECONDS
            )
        except TimedOut:
            return []
        try:
            return [
                Pulled(receipt=str(each["ackId"]), message=dict(each["message"]))
                for each in answer.get("receivedMessages", [])
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise StorageUnavailable("pubsub: the response contains no messages") from error

    def acknowledge(self, receipts: Sequence[str]) -> None:
        """See ``NotificationQueue``."""
        for start in range(0, len(receipts), MOST_RECEIPTS):
            body = {"ackIds": list(receipts[start : start + MOST_RECEIPTS])}
            self._repeat("POST", ":acknowledge", body)

    def extend(self, receipts: Sequence[str], *, seconds: int) -> None:
        """See ``NotificationQueue``."""
        for start in range(0, len(receipts), MOST_RECEIPTS):
            body = {"ackIds": list(receipts[start : start + MOST_RECEIPTS]), "ackDeadlineSeconds": seconds}
            self._repeat("POST", ":modifyAckDeadline", body)

    def ping(self) -> None:
        """See ``NotificationQueue``."""
        self._repeat("GET")

    def close(self) -> None:
        """See ``NotificationQueue``."""
        self._rest.close()

    def _repeat(self, method: str, verb: str = "", body: JSON | None = None) -> None:
        repeated(partial(self._rest.call, method, f"/v1/{self.name}{verb}", body))
