"""Takes the bytes of an upload through the loop: while a thread hashes and writes one buffer, the next one is read."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from abc import ABC, abstractmethod
from contextlib import suppress

from aiohttp import StreamReader

from files_service.errors import Conflict
from files_service.gateway.replies import Refused, bad_field
from files_service.gateway.transfer.body import BODY_ERRORS
from files_service.gateway.transfer.min_rate import Pace
from files_service.gateway.transfer.threads import Threads
from storage_adapters import BlobInfo, BlobWriter, Part


class Sink(ABC):
    """Where the bytes go. Called in threads, one call at a time."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Take bytes."""

    def room(self, most: int) -> memoryview | None:
        """Where up to so many bytes may be put instead of being given to ``write``; None: nowhere."""
        return None

    def advance(self, count: int) -> None:
        """So many bytes were put into the room."""
        raise NotImplementedError

    @abstractmethod
    def complete(self) -> BlobInfo:
        """All bytes are in: return the blob that they are."""

    @abstractmethod
    def abort(self) -> None:
        """Forget everything; harmless after ``complete``."""


class Storing(Sink):
    """Stores the bytes, if they are what was declared."""

    def __init__(self, writer: BlobWriter, part: Part) -> None:
        self._writer = writer
        self._part = part

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        self._writer.write(data)

    def complete(self) -> BlobInfo:
        """See ``Sink``; raises what ``BlobWriter.commit`` raises."""
        part = self._part
        declared = {"size": part.size, "md5": part.md5, "crc32c": part.crc32c, "sha256": part.sha256}
        return self._writer.commit(declared=declared)

    def abort(self) -> None:
        """See ``Sink``."""
        self._writer.abort()


class Comparing(Sink):
    """Compares the bytes with a blob that is stored already: an upload whose answer was lost is repeated like this."""

    def __init__(self, info: BlobInfo) -> None:
        self._info = info
        self._sha256 = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        self._sha256.update(data)

    def complete(self) -> BlobInfo:
        """See ``Sink``; raises Conflict when they are other bytes."""
        if self._info.sha256 is None or not hmac.compare_digest(self._info.sha256, self._sha256.hexdigest()):
            raise Conflict("other bytes were received for this part already", {"field": "sha256"})
        return self._info

    def abort(self) -> None:
        """See ``Sink``."""


async def receive(
    content: StreamReader,
    sink: Sink,
    *,
    size: int,
    buffer_bytes: int,
    pace: Pace,
    threads: Threads,
) -> None:
    """Bring ``size`` bytes from the socket into the sink; at most two buffers are held.

    Raises Refused when they come too slowly or break off, and what the sink raises. No thread is in the sink any more
    when this returns or raises.
    """
    writing: asyncio.Future[None] | None = None
    pieces: list[bytes] = []
    held = received = 0
    try:
        while received < size:
            piece, _ = await pace.wait(content.readchunk(), _size_of_chunk)
            if not piece:
                raise broke_off(received, size)
            pieces.append(piece)
            held += len(piece)
            received += len(piece)
            if held >= buffer_bytes or received >= size:
                if writing is not None:
                    await asyncio.shield(writing)
                writing = threads.submit(_write_all, sink, pieces)
                pieces, held = [], 0
        if writing is not None:
            await asyncio.shield(writing)
    except BODY_ERRORS:
        raise broke_off(received, size) from None
    finally:
        if writing is not None and not writing.done():
            with suppress(Exception):
                await asyncio.shield(writing)


def broke_off(received: int, size: int) -> Refused:
    """Make the refusal of a body that is not whole; mostly nobody is there any more to read it."""
    return bad_field("body", f"Broke off after {received} of {size} bytes.")


def _size_of_chunk(chunk: tuple[bytes, bool]) -> int:
    return len(chunk[0])


def _write_all(sink: Sink, pieces: list[bytes]) -> None:
    for piece in pieces:
        sink.write(piece)
    pieces.clear()
