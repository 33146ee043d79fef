"""Connections of asyncio to the broker, and words about them without passwords."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractConnection
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from files_service.messaging.address import CONNECT_SECONDS, connection_options

CLOSE_SECONDS = 2.0
# What is read ahead of a connection. With less than some frames of 128 KiB, reading stops and begins at each of them.
READ_BYTES = 1024 * 1024
_USER = re.compile(r"//[^/\s@]*@")


_read_header = ContentHeader.unmarshal


def _read_any_header(self: ContentHeader, data: bytes) -> None:
    """Read the properties of a message; one with properties that cannot be read has none.

    The library takes such a message for a fault of the connection: it would end that of each worker, again and again.
    """
    try:
        _read_header(self, data)
    except Exception:  # noqa: BLE001 - whatever a sender wrote there
        self.properties = Basic.Properties()


ContentHeader.unmarshal = _read_any_header  # type: ignore[method-assign]


class _Connection(aio_pika.Connection):
    """A connection that reads ahead."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.kwargs["limit"] = READ_BYTES


async def connect(
    stack: AsyncExitStack, uri: str, name: str, *, seconds: float = CONNECT_SECONDS
) -> AbstractConnection:
    """Connect for the time of the stack. Raises TimeoutError and the errors of aio-pika.

    A blocked connection does not close by itself; it is dropped after a while.
    """
    try:
        connection_options(uri)
    except ValueError as error:
        raise ConnectionError(str(error)) from None
    async with asyncio.timeout(seconds):
        connection = await aio_pika.connect(
            re.sub(r"^pyamqp://", "amqp://", uri),
            client_properties={"connection_name": name},
            timeout=seconds,
            connection_class=_Connection,
        )

    async def close() -> None:
        if connection.is_closed:
            return
        try:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.close()
        finally:
            # Interrupted, it has let go of its transport and says nowhere that it is closed; called again, it does.
            if not connection.is_closed:
                await connection.close()

    stack.push_async_callback(close)
    return connection


def secrets_out(error: BaseException | None) -> str:
    """Return the text of an error without the user and password of an address."""
    return _USER.sub("//***@", f"{type(error).__name__}: {error}") if error is not None else ""
