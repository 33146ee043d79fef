"""What the webhooks share: who may push, threads and places of their own, and the answer to a notification.

1. 204 means: do not send it again. It is the answer to all that is settled, and to what cannot be read.
2. What could not be settled now is answered 5xx, and is delivered again.
3. A sender that is not known is refused before its body is read.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from files_service.core import Core
from files_service.errors import TooLarge
from files_service.gateway.auth.oidc import Senders
from files_service.gateway.limits import Limits
from files_service.gateway.replies import CLOSE, Refused
from files_service.gateway.state import Places, gateway_of
from files_service.gateway.transfer.body import read_small
from files_service.gateway.transfer.threads import Threads
from files_service.runtime.logs import accepted_request_id, request_id
from files_service.runtime.metrics import Metrics
from files_service.services.notifications.messages import Finalized, Ignored, Malformed
from files_service.services.notifications.outcomes import Settlement

# Of a request: the id under which its log lines stand, and what it says.
Read = Callable[[web.Request, bytes], tuple[str, Finalized | Ignored]]


class Desk:
    """Takes notifications in. A storm of them leaves the threads of the calls alone."""

    def __init__(self, core: Core, limits: Limits, metrics: Metrics) -> None:
        self.senders = Senders(core.settings)
        self.threads = Threads("notification", limits.notification_threads)
        self._places = Places("notifications", limits.notifications)
        self._metrics = metrics
        self._settlements = {source: Settlement(core, metrics, source) for source in ("push", "channel")}

    def refuse(self, source: str) -> None:
        """Count a request whose sender is not known."""
        self._metrics.notification(source, "refused")

    def close(self) -> None:
        """Give the threads up."""
        self.threads.close()

    async def take(self, request: web.Request, source: str, read: Read) -> web.StreamResponse:
        """Read a notification and settle it. Raises FilesError when it is to be delivered again."""
        settlement = self._settlements[source]
        with self._places.take():
            try:
                news_id, news = read(request, await _body(request))
            except Malformed as fault:
                settlement.set_aside(fault)
            else:
                if news_id:
                    request_id.set(accepted_request_id(news_id))
                await self.threads.run(settlement.settle, news)
        return web.Response(status=204)


async def _body(request: web.Request) -> bytes:
    try:
        return await read_small(request, gateway_of(request).limits)
    except Refused as refused:
        if not isinstance(refused.error, TooLarge):
            raise
        # It will not get smaller by being sent again.
        request[CLOSE] = True
        raise Malformed("the body is too large") from None


DESK = web.AppKey("desk", Desk)


def desk_of(request: web.Request) -> Desk:
    """The desk of the request's application."""
    return request.app[DESK]
