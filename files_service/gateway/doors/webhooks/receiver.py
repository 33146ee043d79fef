"""The receiver of notifications, with senders, threads and a limit of its own.

1. 204 acknowledges a notification: one that was applied, and one that is malformed.
2. A notification that cannot be applied now is answered 5xx, and is delivered again.
3. An unknown sender is refused before its body is read.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence

from aiohttp import web

from files_service.core import Core
from files_service.errors import Forbidden, TooLarge
from files_service.gateway.auth.oidc import Senders
from files_service.gateway.limits import Limits
from files_service.gateway.replies import CLOSE, HTTPError
from files_service.gateway.state import gateway_of
from files_service.gateway.threads import Threads
from files_service.gateway.transfer.body import read_small
from files_service.runtime.limiter import Limiter
from files_service.runtime.logs import accepted_request_id, request_id
from files_service.runtime.metrics import Metrics
from files_service.services.notifications.messages import Finalized, Ignored, Malformed
from files_service.services.notifications.outcomes import MeteredHandler

# Reads a request: the id of its log lines, and the notifications.
Read = Callable[[web.Request, bytes], tuple[str, Sequence[Finalized | Ignored]]]
_REFUSALS = {"channel": "not the token of the channel", "s3": "not the token of the bucket's notifications"}


class Receiver:
    """Receiver of notifications, with threads of its own, so that many notifications do not delay calls."""

    def __init__(self, core: Core, limits: Limits, metrics: Metrics) -> None:
        self.senders = Senders(core.settings)
        self.threads = Threads("notification", limits.notification_threads)
        self._limiter = Limiter("notifications", limits.notifications)
        self._metrics = metrics
        self._handlers = {source: MeteredHandler(core, metrics, source) for source in ("push", "channel", "s3")}

    def refuse(self, source: str) -> None:
        """Count a request of an unknown sender."""
        self._metrics.notification(source, "refused")

    def require_token(self, source: str, header: str, given: str, expected: str) -> None:
        """Refuse a sender that has another token. Raises Forbidden, before the body is read."""
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), expected.encode()):
            self.refuse(source)
            message = _REFUSALS[source]
            raise Forbidden(message, {"fields": {header: [message]}})

    def close(self) -> None:
        """Close the threads."""
        self.threads.close()

    async def take(self, request: web.Request, source: str, read: Read) -> web.StreamResponse:
        """Read and apply the notifications of a request. Raises FilesError for one to deliver again."""
        handler = self._handlers[source]
        with self._limiter.take():
            try:
                news_id, news = read(request, await _body(request))
            except Malformed as fault:
                handler.set_aside(fault)
            else:
                if news_id:
                    request_id.set(accepted_request_id(news_id))
                for each in news:
                    await self.threads.run(handler.handle, each)
        return web.Response(status=204)


async def _body(request: web.Request) -> bytes:
    try:
        limits = gateway_of(request).limits
        return await read_small(request, limits, most=limits.call_bytes)
    except HTTPError as refused:
        if not isinstance(refused.error, TooLarge):
            raise
        # A repetition would be as large.
        request[CLOSE] = True
        raise Malformed("the body is too large") from None


RECEIVER = web.AppKey("receiver", Receiver)


def receiver_of(request: web.Request) -> Receiver:
    """Return the receiver of the request's gateway."""
    return request.config_dict[RECEIVER]
