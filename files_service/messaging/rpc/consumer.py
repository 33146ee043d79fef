"""The consumer of one service's calls, which survives any message and any outage of the broker.

1. A malformed message goes to the dead-letter queue, and its sender gets an error if it can be reached.
2. A message whose process died is requeued with a count and, above the limit, dead-lettered. A call that was executed
   here but not acknowledged is answered again, not executed again.
3. Broker errors never reach the container: the connection is replaced, with growing pauses.
"""

from __future__ import annotations

import logging
import random
from functools import partial
from typing import Any

import eventlet
from eventlet.event import Event
from nameko import rpc
from nameko.constants import AMQP_SSL_CONFIG_KEY, AMQP_URI_CONFIG_KEY, HEARTBEAT_CONFIG_KEY, LOGIN_METHOD_CONFIG_KEY
from nameko.exceptions import BadRequest as NamekoBadRequest
from nameko.exceptions import ContainerBeingKilled

from files_service.errors import BadRequest, FilesError, InternalError, ServiceUnavailable
from files_service.messaging.rpc.codec import (
    REDELIVERIES,
    Poison,
    Request,
    encode_error,
    encode_result,
    malformed,
    method_not_found,
    read_request,
    reply_address,
)
from files_service.messaging.rpc.connection import CONNECTION_ERRORS, BrokerConnection
from files_service.messaging.rpc.executions import Execution, Executions, call_key
from files_service.messaging.rpc.frames import Delivery, header_table, json_properties, request_id_header
from files_service.messaging.rpc.topology import CLASSIC, REDELIVERED, declare_service

logger = logging.getLogger(__name__)

DEFAULT_HEARTBEAT = 30
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
OPEN_SECONDS = 20
MAX_REDELIVERIES = 5
DIRECT_REPLY = "amq.rabbitmq.reply-to"

_Waiting = tuple[BrokerConnection, Delivery]


class Consumer(rpc.RpcConsumer):
    """nameko's RpcConsumer for entrypoints and the container; the broker side is our own."""

    queue_consumer = None

    def __init__(self) -> None:
        super().__init__()
        self._executions: Executions[_Waiting] = Executions()
        self._link: BrokerConnection | None = None
        self._loop: Any = None
        self._ready = Event()
        self._stopping = Event()
        self._entrypoints: dict[str, Any] = {}

    def setup(self) -> None:
        """Store the names; nothing connects before start."""
        self._exchange: str = rpc.get_rpc_exchange(self.container.config).name

    def register_provider(self, provider: Any) -> None:
        """Accept calls for this entrypoint."""
        super().register_provider(provider)
        self._entrypoints[provider.method_name] = provider

    def start(self) -> None:
        """Start consuming; return once the broker has confirmed it, or when the container stops first."""
        self._loop = self.container.spawn_managed_thread(self._run, identifier="rpc consumer")
        self._ready.wait()

    def unregister_provider(self, provider: Any) -> None:
        """Stop consuming: nameko stops all entrypoints together, before it waits for the workers."""
        self._providers.discard(provider)
        self._stop_loop()
        if self._link is not None:
            self._link.stop_consuming()

    def stop(self) -> None:
        """Send the last replies and close the connection; called when no worker is left."""
        self._stop_loop()
        if self._link is not None:
            self._link.finish()
        if self._loop is not None:
            self._loop.kill()

    def kill(self) -> None:
        """Close the connection at once."""
        self._stop_loop()
        if self._link is not None:
            self._link.close()

    def _stop_loop(self) -> None:
        for event in (self._stopping, self._ready):
            if not event.ready():
                event.send()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._stopping.ready():
            try:
                with eventlet.Timeout(OPEN_SECONDS, TimeoutError("the broker does not answer")):
                    self._link = self._open()
                pause = FIRST_PAUSE
                self._link.run(partial(self._on_delivery, self._link))
            except CONNECTION_ERRORS as error:
                extra = {"service": self.container.service_name, "error": str(error), "retry_seconds": round(pause, 1)}
                logger.warning("no connection to the broker", extra=extra)
            except Exception:
                logger.exception("the connection to the broker failed with an internal error")
            if not self._stopping.ready():
                with eventlet.Timeout(random.uniform(pause / 2, pause), False):  # noqa: FBT003, S311 - spreads load
                    self._stopping.wait()
                pause = min(pause * 2, LONGEST_PAUSE)

    def _open(self) -> BrokerConnection:
        config = self.container.config
        link = BrokerConnection(
            config[AMQP_URI_CONFIG_KEY],
            heartbeat=config.get(HEARTBEAT_CONFIG_KEY, DEFAULT_HEARTBEAT),
            tls=config.get(AMQP_SSL_CONFIG_KEY),
            login_method=config.get(LOGIN_METHOD_CONFIG_KEY),
        )
        try:
            queue = declare_service(
                link.channel,
                self.container.service_name,
                self._exchange,
                queue_type=config.get("FILES", {}).get("queue_type", CLASSIC),
            )
            link.consume(queue, prefetch=self.container.max_workers)
        except BaseException:
            link.close()
            raise
        logger.info("consuming", extra={"queue": queue})
        self._executions.connection_lost()
        if not self._ready.ready():
            self._ready.send()
        return link

    def _on_delivery(self, link: BrokerConnection, delivery: Delivery) -> None:
        try:
            request = read_request(delivery)
        except Poison as error:
            self._dead_letter(link, delivery, str(error), malformed(str(error)))
        except BadRequest as error:
            self._answer(link, delivery, encode_error(error))
        else:
            self._dispatch(link, delivery, request)

    def _dispatch(self, link: BrokerConnection, delivery: Delivery, request: Request) -> None:
        service, _, name = request.method.rpartition(".")
        entrypoint = self._entrypoints.get(name) if service == self.container.service_name else None
        if entrypoint is None:
            self._answer(link, delivery, encode_error(method_not_found(request.method)))
            return
        key = call_key(request.correlation_id, request.method, delivery.body)
        if self._executions.join(key, (link, delivery)):
            return
        reply = self._executions.reply_to(key, repeated=delivery.redelivered or request.is_retry)
        if reply is not None:
            self._answer(link, delivery, reply)
        elif delivery.redelivered:
            self._put_back(link, delivery, request)
        else:
            self._execute(entrypoint, request, self._executions.start(key, (link, delivery)))

    def _execute(self, entrypoint: Any, request: Request, execution: Execution[_Waiting]) -> None:
        def spawn() -> None:
            try:
                self.container.spawn_worker(
                    entrypoint,
                    (),
                    request.params,
                    context_data=request.context,
                    handle_result=partial(self._handle_result, execution, request),
                )
            except ContainerBeingKilled:
                self._executions.abandon(execution)

        # Spawning waits for a free worker. Workers of a broken connection may keep all of them busy, and the greenlet
        # that reads the connection must not wait for that.
        if self._executions.running > self.container.max_workers:
            self.container.spawn_managed_thread(spawn, identifier="waits for a worker")
        else:
            spawn()

    def _handle_result(
        self, execution: Execution[_Waiting], request: Request, _: Any, result: Any, exc_info: Any
    ) -> tuple[Any, Any]:
        if exc_info is None:
            body = encode_result(result, request.request_id)
        else:
            body = encode_error(_presentable(exc_info[1], request.request_id))
        for link, delivery in self._executions.finish(execution, body):
            # Other running calls will reply soon; their replies are sent together with this one.
            self._answer(link, delivery, body, request.request_id, more_to_come=self._executions.running > 0)
        return result, exc_info

    def _answer(
        self,
        link: BrokerConnection,
        delivery: Delivery,
        body: bytes,
        request_id: str = "",
        *,
        settle: bool = True,
        more_to_come: bool = True,
    ) -> None:
        address = reply_address(delivery)
        if address is not None:
            reply_to, correlation_id = address
            link.publish(
                "" if reply_to.startswith(DIRECT_REPLY) else self._exchange,
                reply_to,
                json_properties(correlation_id, request_id_header(request_id) if request_id else b""),
                body,
                settles=delivery.tag if settle else None,
                more_to_come=more_to_come,
            )

    def _dead_letter(self, link: BrokerConnection, delivery: Delivery, reason: str, error: Exception) -> None:
        logger.warning("dead letter", extra={"reason": reason, "routing_key": delivery.routing_key})
        self._answer(link, delivery, encode_error(error), settle=False)
        link.reject(delivery.tag)

    def _put_back(self, link: BrokerConnection, delivery: Delivery, request: Request) -> None:
        """Requeue the call with a count: the process of its last delivery died, perhaps because of it."""
        if request.redeliveries >= MAX_REDELIVERIES:
            message = f"it was delivered {request.redeliveries + 1} times without an answer"
            self._dead_letter(link, delivery, message, ServiceUnavailable(message))
            return
        headers = {**request.headers, REDELIVERIES: request.redeliveries + 1}
        properties = json_properties(request.correlation_id, header_table(headers), request.reply_to)
        if not link.has_room_for(properties):
            # The broker would close the connection, and deliver the call again to the next one.
            message = "it was delivered before, and its headers leave no room for a count"
            self._dead_letter(link, delivery, message, ServiceUnavailable(message))
            return
        link.publish(REDELIVERED, request.method, properties, delivery.body, settles=delivery.tag)


def _presentable(error: BaseException, request_id: str) -> Exception:
    if isinstance(error, (FilesError, NamekoBadRequest)):
        return error
    return InternalError("internal error", {"request_id": request_id})


class Action(rpc.Rpc):
    """The entrypoint of one API method."""

    rpc_consumer = Consumer()


action = Action.decorator
