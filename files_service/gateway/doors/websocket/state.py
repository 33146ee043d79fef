"""State that all connections of the WebSocket door share."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from files_service.gateway.doors.websocket.messages import OFFSET_BYTES
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.memory_budget import MemoryBudget
from files_service.runtime.limiter import Limiter
from files_service.services.uploads.writer import IN_FLIGHT


class Shared:
    """Memory for slices, and the limits of connections without a token."""

    def __init__(self, gateway: Gateway) -> None:
        limits = gateway.limits
        self.longest_message = gateway.core.settings.chunk_bytes + OFFSET_BYTES
        self.slices = MemoryBudget(
            max(limits.websocket_bytes, 2 * self.longest_message), time.monotonic, reserve=self.longest_message
        )
        self.strangers = Limiter("connections without a token", limits.strangers)
        self.connections = Limiter("WebSockets", limits.websockets)
        self.stranger_bytes = MemoryBudget(
            limits.strangers * limits.stranger_bytes, time.monotonic, reserve=limits.stranger_bytes
        )
        # Slices on their way to the disk.
        self.frames = asyncio.Semaphore(IN_FLIGHT)


SHARED = web.AppKey("websocket", Shared)
