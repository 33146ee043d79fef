"""Names on the broker: nameko's, so that any nameko caller reaches the service, and its dead-letter queue.

By default the queues are classic queues. A quorum queue lives on several brokers, but commits every request to its log
before the publish is confirmed: on one broker that added half a millisecond per call and halved the throughput with
100 calls in flight. The consumer bounds redeliveries instead: a call whose process died waits a moment in the queue of
redelivered calls, with a count, before it returns. It must not return at once: the copy could run, and end the process
again, before the original is acknowledged.
"""

from __future__ import annotations

from typing import Any

import amqp

CLASSIC, QUORUM = "classic", "quorum"
RPC_EXCHANGE = "nameko-rpc"
EVENT_EXCHANGE = "files.events"
DEAD_LETTER = "files.dead-letter"
REDELIVERED = "files.redelivered"
REDELIVERY_MS = 500
DEAD_LETTER_LIMITS = {"x-max-length": 10_000, "x-max-length-bytes": 2**30}


def queue_name(service: str) -> str:
    """Return the name of the request queue of a nameko service."""
    return f"rpc-{service}"


def kind_of(queue_type: str) -> dict[str, Any]:
    """Return the argument that makes a queue one of this type; a classic queue has none."""
    return {} if queue_type == CLASSIC else {"x-queue-type": queue_type}


def declare_service(
    channel: amqp.Channel, service: str, exchange: str = RPC_EXCHANGE, *, queue_type: str = CLASSIC
) -> str:
    """Declare the queues of a service and its dead letters; return the request queue's name."""
    kind = kind_of(queue_type)
    channel.exchange_declare(DEAD_LETTER, "fanout", durable=True, auto_delete=False)
    channel.queue_declare(DEAD_LETTER, durable=True, auto_delete=False, arguments={**DEAD_LETTER_LIMITS, **kind})
    channel.queue_bind(DEAD_LETTER, DEAD_LETTER)
    channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
    channel.exchange_declare(REDELIVERED, "topic", durable=True, auto_delete=False)
    waiting = {"x-message-ttl": REDELIVERY_MS, "x-dead-letter-exchange": exchange, **kind}
    channel.queue_declare(REDELIVERED, durable=True, auto_delete=False, arguments=waiting)
    channel.queue_bind(REDELIVERED, REDELIVERED, "#")
    queue = queue_name(service)
    channel.queue_declare(
        queue, durable=True, auto_delete=False, arguments={"x-dead-letter-exchange": DEAD_LETTER, **kind}
    )
    channel.queue_bind(queue, exchange, f"{service}.*")
    return queue
