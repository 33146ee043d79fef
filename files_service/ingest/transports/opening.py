"""The transports by name."""

from __future__ import annotations

from files_service.ingest.service import Remote
from files_service.ingest.transports.transport import Transport
from files_service.ingest.transports.tus import TusTransport
from files_service.ingest.transports.websocket import WebSocketTransport

TRANSPORTS = (WebSocketTransport.name, TusTransport.name)


def open_transport(name: str, remote: Remote) -> Transport:
    """Return the transport of a name."""
    return TusTransport(remote) if name == TusTransport.name else WebSocketTransport(remote)
