"""Events of uploads over AMQP, for replication. All controllers share one queue, which may lose what it has."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import orjson

from files_service.messaging.address import open_connection
from files_service.messaging.rpc.topology import EVENT_EXCHANGE

QUEUE = "files.nodes.replication"
EVENT = "uploaded"
PREFETCH = 100
WAIT_SECONDS = 1.0
# The census finds what is not replicated in time.
_LIFETIME_MS = 6 * 3_600_000
_MOST = 100_000


class UploadEvents:
    """The consumer of one process; ``notice`` gets the id of each file that was uploaded."""

    def __init__(self, uri: str, notice: Callable[[str], None], *, stopped: Callable[[], bool]) -> None:
        self._uri, self._notice, self._stopped = uri, notice, stopped

    def step(self) -> float:
        """Consume until the process stops. Raises the errors of a broken connection, after which a step begins anew."""
        with closing(open_connection(self._uri)) as connection:
            channel = connection.channel()
            channel.exchange_declare(EVENT_EXCHANGE, "topic", durable=True, auto_delete=False)
            arguments = {"x-message-ttl": _LIFETIME_MS, "x-max-length": _MOST}
            channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments=arguments)
            channel.queue_bind(QUEUE, EVENT_EXCHANGE, EVENT)
            channel.basic_qos(0, PREFETCH, False)  # noqa: FBT003 - the protocol's order
            channel.basic_consume(QUEUE, callback=self._take)
            while not self._stopped():
                with suppress(socket.timeout):
                    connection.drain_events(timeout=WAIT_SECONDS)
        return 0.0

    def _take(self, message: Any) -> None:
        with suppress(orjson.JSONDecodeError, KeyError, TypeError):
            body = orjson.loads(message.body)
            self._notice(str(body["file_id"]))
        # Not before: what went to a connection that broke meanwhile, another one gets.
        message.channel.basic_ack(message.delivery_tag)
