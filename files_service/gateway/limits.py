"""What a client may take of the gateway. Constants of the code, not settings: no installation has asked for others."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.gateway.transfer.min_rate import Pace, too_slow

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds. Tests make smaller ones."""

    # Of every request.
    line_bytes: int = 8 * KIB
    header_bytes: int = 8 * KIB
    headers: int = 100
    query_parameters: int = 50
    idle_connection_seconds: float = 75
    # A peer that takes nothing for so long is gone; the kernel closes the connection.
    stalled_send_seconds: float = 60

    # Of a call.
    call_bytes: int = 2 * MIB
    json_depth: int = 100
    call_body_seconds: float = 30
    calls: int = 512
    call_threads: int = 16
    # Calls that read whole files may take half of the threads, so that the others always find one.
    long_calls: int = 8

    # Of the webhooks: together so many at once, each of them small.
    notifications: int = 512
    notification_threads: int = 16

    # Of an upload: memory is about two buffers for each.
    uploads: int = 64
    upload_idle_seconds: float = 60
    # A sender of whom fewer bytes come within that time is as one that is silent.
    upload_least_bytes: int = 16 * KIB
    upload_buffer_bytes: int = 512 * KIB
    upload_buffers_bytes: int = 16 * MIB
    read_buffer_bytes: int = 128 * KIB
    transfer_threads: int = 8
    # From this size on a thread receives or sends by itself; after a smaller upload the connection is usable again.
    takeover_bytes: int = 1 * MIB

    # Of an upload by WebSocket: how long nothing may come, and how often the client is asked whether it is there.
    websocket_idle_seconds: float = 120
    # Whoever has no token yet must begin within this time, and so many at once may be about to.
    websocket_first_seconds: float = 10
    strangers: int = 16
    websocket_ping_seconds: float = 20
    # How long an answer to the end of a connection is waited for.
    websocket_close_seconds: float = 3
    # Slices that may be under way without an acknowledgement.
    websocket_window: int = 4
    # What all connections together may have sent that was not dealt with; at least two slices. Others wait.
    websocket_bytes: int = 18 * MIB
    # A message that takes longer while others wait is broken off.
    websocket_message_seconds: float = 30
    # What may be said by somebody who has shown no token.
    stranger_bytes: int = 64 * KIB

    downloads: int = 512
    # So many of them in threads of their own; the loop sends the others.
    senders: int = 32
    ping_seconds: float = 3
    # A check costs the stores a write: it is not repeated within this time.
    ping_lifetime_seconds: float = 1

    def pace(self) -> Pace:
        """How fast a body has to come."""
        seconds = self.upload_idle_seconds
        return Pace(seconds, self.upload_least_bytes, too_slow(seconds))

    def upload_buffer(self, uploads: int) -> int:
        """The size of each of an upload's two buffers while so many run: they share the memory set aside."""
        return max(128 * KIB, min(self.upload_buffer_bytes, self.upload_buffers_bytes // (2 * max(1, uploads))))
