"""Limits on the use of the gateway by clients. Constants, not settings: no installation has asked for other values."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds. Tests set smaller ones."""

    # Every request.
    line_bytes: int = 8 * KIB
    header_bytes: int = 8 * KIB
    headers: int = 100
    # The request line and all headers together, and the time from their first byte to the last one.
    head_bytes: int = 32 * KIB
    head_seconds: float = 10
    # Fewer where the system has no descriptors for them. A proxy in front is one peer.
    connections: int = 4096
    connections_of_peer: int = 2048
    # Those at the operation address, besides.
    operation_connections: int = 64
    query_parameters: int = 50
    idle_connection_seconds: float = 75
    # The rest of a body that was refused is read for so long, so that the sender gets the answer.
    linger_seconds: float = 5
    # The kernel closes the connection of a peer that acknowledges nothing for this time, and the door of WebSockets one
    # to which a message is not sent in it.
    stalled_send_seconds: float = 60

    # Calls.
    call_bytes: int = 2 * MIB
    # The longest body of a call by an end user.
    user_call_bytes: int = 256 * KIB
    # Bytes before the first field of a form.
    preamble_bytes: int = 4 * KIB
    json_depth: int = 100
    call_body_seconds: float = 30
    calls: int = 512
    call_threads: int = 16

    # Webhooks: parallel notifications, each of them small.
    notifications: int = 512
    notification_threads: int = 16

    # Uploads: each takes about two buffers of memory.
    uploads: int = 64
    upload_idle_seconds: float = 60
    # A sender of fewer bytes in that time counts as idle.
    upload_least_bytes: int = 16 * KIB
    upload_buffer_bytes: int = 512 * KIB
    upload_buffers_bytes: int = 16 * MIB
    # A body that is read whole waits so long for memory. One that takes longer than this while others wait is refused.
    body_wait_seconds: float = 45
    body_slow_seconds: float = 30
    read_buffer_bytes: int = 128 * KIB
    transfer_threads: int = 8
    # From this size on a thread reads or writes the socket; after such an upload the connection is closed.
    socket_thread_bytes: int = 1 * MIB

    # Uploads by WebSocket: the idle timeout and the interval of pings.
    websocket_idle_seconds: float = 120
    # A connection without a token must begin within this time; `strangers` limits such connections.
    websocket_first_seconds: float = 10
    strangers: int = 16
    websocket_ping_seconds: float = 20
    # The timeout of the closing handshake.
    websocket_close_seconds: float = 3
    # Connections with a token; one takes a place of an upload only while its upload is open.
    websockets: int = 512
    # Frames in a second: of one connection, and of all together, which share them.
    websocket_frames: int = 1_000
    all_websocket_frames: int = 16_000
    # Frames in a second of a connection without a token.
    stranger_frames: int = 50
    # Slices that may be in flight without an acknowledgement.
    websocket_window: int = 4
    # Unprocessed bytes of all connections together, at least two slices; further senders wait.
    websocket_bytes: int = 18 * MIB
    # A message that takes longer while other senders wait ends its connection.
    websocket_message_seconds: float = 30
    # The longest message of a connection without a token.
    stranger_bytes: int = 64 * KIB

    downloads: int = 512
    # Downloads with a thread of their own; the event loop sends the others.
    senders: int = 32
    ping_seconds: float = 3
    # A check costs the stores a write: its result is reused for this time.
    ping_lifetime_seconds: float = 1

    def upload_buffer(self, uploads: int) -> int:
        """Return the size of each of an upload's two buffers: parallel uploads share ``upload_buffers_bytes``."""
        return max(128 * KIB, min(self.upload_buffer_bytes, self.upload_buffers_bytes // (2 * max(1, uploads))))
