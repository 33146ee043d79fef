"""The bytes of ``files put --queue``: over the broker, and by HTTP where it does not take them."""

from __future__ import annotations

import asyncio
import os
from typing import BinaryIO

from files_service.cli.progress import Advance
from files_service.cli.session import Failed
from files_service.errors import error_from_wire
from files_service.runtime.terminal import echo
from storage_adapters import JSON, install_command


def put_by_queue(uri: str, address: JSON | None, file: BinaryIO, size: int, advance: Advance) -> bool:
    """Send a file; return False when the broker does not take it now. Raises FilesError and Failed."""
    try:
        from files_service.messaging.ingest.client import QueueRefused, QueueSender, QueueUnavailable
    except ImportError as error:
        raise Failed("--queue needs aio-pika", f"Install it in the clone: {install_command('queue')}") from error
    if address is None:
        raise Failed("the service has no queue door", "Open it in every process: FILES_QUEUE_DOOR=on.")

    async def read(start: int, length: int) -> bytes:
        data = await asyncio.to_thread(os.pread, file.fileno(), length, start)
        if len(data) != length:
            raise Failed("the file became shorter: it changed while it was read")
        advance(length)
        return data

    async def send() -> None:
        async with QueueSender(uri) as sender:
            await sender.put(address, size, read)

    try:
        asyncio.run(send())
    except QueueUnavailable as error:
        echo(f"sent by HTTP instead: {error}", err=True)
        return False
    except QueueRefused as error:
        raise error_from_wire(error.error) from error
    return True
