"""Check of ``files doctor`` for the queue door."""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec

from files_service.cli.finding import PATIENCE_SECONDS, Finding
from files_service.config import Settings
from storage_adapters import install_command

_PART = "queue"


def check_queue(settings: Settings) -> Finding:
    """Check that the queue of chunks is there and has a worker."""
    if not settings.queue_door:
        return Finding(_PART, "the queue door is closed (FILES_QUEUE_DOOR is off)")
    if not settings.amqp_uri:
        return Finding(_PART, "the queue door needs a broker", "Set AMQP_URI, or close it: FILES_QUEUE_DOOR=off.")
    if find_spec("aio_pika") is None:
        return Finding(_PART, "the queue door needs aio-pika", f"Install it in the clone: {install_command('queue')}")
    import amqp

    from files_service.messaging.address import open_connection
    from files_service.messaging.ingest.topology import CHUNKS
    from files_service.services.uploads.queue_door import DEAD_QUEUE

    start = "Start a worker: files ingest-worker"
    try:
        with closing(open_connection(settings.amqp_uri, connect_timeout=PATIENCE_SECONDS)) as connection:
            channel = connection.channel()
            _, waiting, workers = channel.queue_declare(CHUNKS, passive=True)
            dead = channel.queue_declare(DEAD_QUEUE, passive=True)[1]
    except amqp.NotFound:
        return Finding(_PART, f"the queue {CHUNKS} is not declared", start)
    except (OSError, ValueError, amqp.AMQPError):
        return Finding(_PART, "the broker does not answer", "See `broker`.")
    text = f"{waiting} messages wait for {workers} workers, {dead} dead letters"
    if not workers:
        return Finding(_PART, text, start)
    return Finding(_PART, text, f"Read {DEAD_QUEUE}: the header `reason` says why." if dead else "")
