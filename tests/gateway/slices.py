"""A client of ``files-upload.v1`` that can do everything in the wrong order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiohttp import ClientSession, ClientTimeout, ClientWebSocketResponse, WSMsgType

from tests.gateway.owners import bearer

T = TypeVar("T")
PROTOCOL = "files-upload.v1"
SECONDS = 120


class Talk:
    """One connection; what comes is checked to be JSON."""

    def __init__(self, connection: ClientWebSocketResponse) -> None:
        self.connection = connection
        self.close_code: int | None = None

    async def say(self, **message: Any) -> None:
        await self.connection.send_str(json.dumps(message))

    async def put(self, offset: int, data: bytes) -> None:
        await self.connection.send_bytes(offset.to_bytes(8, "big") + data)

    async def hear(self) -> Any:
        """The next message, None when the connection was closed."""
        message = await self.connection.receive(SECONDS)
        if message.type is WSMsgType.TEXT:
            return json.loads(message.data)
        self.close_code = self.connection.close_code
        return None

    async def ask(self, **message: Any) -> Any:
        await self.say(**message)
        return await self.hear()

    async def bring(self, content: bytes, *offsets: int, piece: int) -> list[Any]:
        """Send slices without waiting, and return the acknowledgements in the order they came in."""

        async def send() -> None:
            for offset in offsets:
                await self.put(offset, content[offset : offset + piece])

        sending = asyncio.ensure_future(send())
        acks = [await self.hear() for _ in offsets]
        await sending
        return acks


@asynccontextmanager
async def talking(
    port: int, owner: str | None = "ann", headers: Mapping[str, str] | None = None
) -> AsyncIterator[Talk]:
    bearing = bearer(owner) if owner is not None else {}
    async with (
        ClientSession(timeout=ClientTimeout(total=600)) as session,
        session.ws_connect(
            f"http://127.0.0.1:{port}/ws/upload",
            protocols=(PROTOCOL,),
            headers={**bearing, **(headers or {})},
            max_msg_size=0,
        ) as connection,
    ):
        yield Talk(connection)


def talk(port: int, scene: Callable[[Talk], Awaitable[T]], owner: str | None = "ann") -> T:
    """Play a scene on one connection."""

    async def play() -> T:
        async with talking(port, owner) as conversation:
            return await scene(conversation)

    return asyncio.run(play())
