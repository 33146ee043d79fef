"""Pings of a node to its controllers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import orjson

from files_service.nodes.identity import NodeRefused
from files_service.runtime.clock import now_ms
from storage_adapters import JSON
from storage_adapters.blobs.nodes.authentication import CONTROLLER, SignedRequest
from storage_adapters.blobs.nodes.http import NoReply, SignedClient, hash_of, refusal

logger = logging.getLogger(__name__)

PING_SECONDS = 5.0
TIMEOUT_SECONDS = 3.0
PATH = "/ping"


class Pinger:
    """Sender of a ping every five seconds, to the first controller that answers.

    ``refused`` is called at most once. A node whose disk is away, as ``has_disk`` tells, is silent: so it goes out, and
    others get its chunks.
    """

    def __init__(
        self,
        client: SignedClient,
        controllers: Sequence[str],
        body: Callable[[], JSON],
        *,
        has_disk: Callable[[], bool],
        stopping: threading.Event,
        refused: Callable[[NodeRefused], None],
    ) -> None:
        self._client, self._controllers, self._body = client, tuple(controllers), body
        self._has_disk, self._stopping, self._refused = has_disk, stopping, refused
        self._answers = True

    def ping(self) -> bool:
        """Send one ping; return False when no controller answers, or the disk is away.

        Raises NodeRefused for a node that runs elsewhere.
        """
        if not self._has_disk():
            return False
        body = orjson.dumps(self._body())
        request = SignedRequest("POST", PATH, CONTROLLER, hash_of(body), len(body))
        for url in self._controllers:
            with suppress(NoReply):
                reply = self._client.request(
                    url,
                    request,
                    body=body,
                    headers={"Content-Type": "application/json"},
                    now=now_ms(),
                    timeout=TIMEOUT_SECONDS,
                )
                if reply.status == 409:
                    raise NodeRefused(f"a controller refuses this node: {_message(reply.body)}")
                if reply.status < 300:
                    return True
                logger.warning("ping: %s", refusal(reply), extra={"url": url, "status": reply.status})
        return False

    def run(self) -> None:
        """Send pings until the node stops or is refused."""
        while not self._stopping.wait(PING_SECONDS):
            try:
                answers = self.ping()
            except NodeRefused as error:
                self._refused(error)
                return
            except Exception:
                logger.exception("a ping failed")
                continue
            if answers != self._answers:
                self._answers = answers
                log, event = (logger.info, "controllers answer") if answers else (logger.warning, self._fault())
                log(event, extra={"controllers": ",".join(self._controllers)})

    def _fault(self) -> str:
        if not self._controllers:
            return "no --controllers are given: nobody is told of this node"
        return "no controller answers" if self._has_disk() else "no pings: the disk is away"


def _message(body: bytes) -> str:
    with suppress(ValueError, TypeError, KeyError):
        return str(orjson.loads(body)["error"]["message"])
    return "it runs elsewhere"
