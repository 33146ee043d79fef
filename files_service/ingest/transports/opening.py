"""The transports by name."""

from __future__ import annotations

from files_service.errors import NotSupported
from files_service.ingest.service import Remote
from files_service.ingest.transports.transport import Transport
from files_service.ingest.transports.tus import TusTransport
from files_service.ingest.transports.websocket import WebSocketTransport
from storage_adapters import install_command

QUEUE = "queue"
# The first is the default: it costs the gateway the least time per byte.
TRANSPORTS = (TusTransport.name, WebSocketTransport.name, QUEUE)


def open_transport(name: str, remote: Remote, amqp_uri: str = "") -> Transport:
    """Return the transport of a name; ``amqp_uri`` is the broker of the queue. Raises NotSupported."""
    if name == QUEUE:
        return _open_queue(remote, amqp_uri)
    return WebSocketTransport(remote) if name == WebSocketTransport.name else TusTransport(remote)


def _open_queue(remote: Remote, amqp_uri: str) -> Transport:
    try:
        from files_service.ingest.transports.queue import QueueTransport
    except ImportError as error:
        raise NotSupported(f"the queue needs aio-pika; install it in the clone: {install_command('queue')}") from error
    if not amqp_uri:
        raise NotSupported("the queue needs a broker: set AMQP_URI")
    return QueueTransport(remote, amqp_uri)
