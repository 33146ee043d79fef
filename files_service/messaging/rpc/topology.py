"""The names on the broker: nameko's, so that any nameko caller finds us, and the dead-letter queue behind them.

The request queues are classic ones. A quorum queue would bring a delivery limit, but commits every request to its log
before the caller's publish is confirmed: measured on one broker it added half a millisecond to each call and answered
half as many with 100 in flight. Redeliveries are bounded by the consumer instead: a call that comes again because a
process died over it waits a moment in the queue of redelivered calls, with a count, before it returns. It must not
return at once: the copy would be executed, and maybe end the process, before the original was acknowledged.
"""

from __future__ import annotations

from typing import Any

import amqp

RPC_EXCHANGE = "nameko-rpc"
EVENT_EXCHANGE = "files.events"
DEAD_LETTER = "files.dead-letter"
REDELIVERED = "files.redelivered"
REDELIVERY_MS = 500
DEAD_LETTER_LIMITS = {"x-max-length": 10_000, "x-max-length-bytes": 2**30}


def queue_name(service: str) -> str:
    """The queue of a nameko service's calls."""
    return f"rpc-{service}"


def declare_service(channel: amqp.Channel, service: str, exchange: str = RPC_EXCHANGE) -> str:
    """Declare what a service consumes from, and where its dead letters go; returns the queue's name."""
    channel.exchange_declare(DEAD_LETTER, "fanout", durable=True, auto_delete=False)
    channel.queue_declare(DEAD_LETTER, durable=True, auto_delete=False, arguments=dict[str, Any](DEAD_LETTER_LIMITS))
    channel.queue_bind(DEAD_LETTER, DEAD_LETTER)
    channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
    channel.exchange_declare(REDELIVERED, "topic", durable=True, auto_delete=False)
    waiting = {"x-message-ttl": REDELIVERY_MS, "x-dead-letter-exchange": exchange}
    channel.queue_declare(REDELIVERED, durable=True, auto_delete=False, arguments=waiting)
    channel.queue_bind(REDELIVERED, REDELIVERED, "#")
    queue = queue_name(service)
    channel.queue_declare(queue, durable=True, auto_delete=False, arguments={"x-dead-letter-exchange": DEAD_LETTER})
    channel.queue_bind(queue, exchange, f"{service}.*")
    return queue
