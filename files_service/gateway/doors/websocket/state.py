"""State that all connections of the WebSocket door share."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from aiohttp import web

from files_service.gateway.doors.websocket.messages import OFFSET_BYTES
from files_service.gateway.limits import Limiter
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.memory_budget import MemoryBudget
from files_service.services.uploads.writer import IN_FLIGHT


@dataclass(frozen=True, slots=True)
class Shared:
    """Memory for slices, and the limits of connections without a token."""

    longest_message: int
    slices: MemoryBudget
    strangers: Limiter
    stranger_bytes: MemoryBudget
    # Slices on their way to the disk.
    frames: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))

    @classmethod
    def of(cls, gateway: Gateway) -> Shared:
        """Make the state of a gateway's door."""
        limits, longest = gateway.limits, gateway.core.settings.chunk_bytes + OFFSET_BYTES
        return cls(
            longest_message=longest,
            slices=MemoryBudget(max(limits.websocket_bytes, 2 * longest), time.monotonic),
            strangers=Limiter("connections without a token", limits.strangers),
            stranger_bytes=MemoryBudget(limits.strangers * limits.stranger_bytes, time.monotonic),
        )


SHARED = web.AppKey("websocket", Shared)
