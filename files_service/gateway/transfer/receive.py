"""Request bodies, received through the loop: a thread hashes and writes one buffer while the next one is read."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Protocol

from aiohttp import StreamReader
from isal.isal_zlib import crc32

from files_service.errors import Conflict, PartMismatch
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.threads import Threads
from files_service.gateway.transfer.body import BODY_ERRORS
from files_service.gateway.transfer.min_rate import MinRate
from storage_adapters import BlobInfo, BlobWriter, Part


class Sink(Protocol):
    """The destination of a body. Called in threads, one call at a time. The stream of an upload is one."""

    def write(self, data: bytes, /) -> None:
        """Write bytes."""

    def room(self, most: int, /) -> memoryview | None:
        """Return memory for up to so many bytes instead of ``write``; None without such memory."""

    def advance(self, count: int, /) -> None:
        """Accept so many bytes in the memory of ``room``."""


class PartSink(ABC):
    """A sink for all bytes of a part."""

    _crc32 = 0

    @property
    def crc32(self) -> str:
        """The CRC-32 of the bytes so far."""
        return f"{self._crc32:08x}"

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        self._take(data)
        self._crc32 = crc32(data, self._crc32)

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Store or hash bytes."""

    def room(self, most: int) -> memoryview | None:
        """See ``Sink``; bytes go through ``write``."""
        return None

    def advance(self, count: int) -> None:
        """See ``Sink``; there is no room."""
        raise NotImplementedError

    @abstractmethod
    def complete(self) -> BlobInfo:
        """Return the blob of all bytes."""

    @abstractmethod
    def abort(self) -> None:
        """Discard all bytes; harmless after ``complete``."""


class BlobSink(PartSink):
    """Sink that stores the bytes if they are as declared."""

    def __init__(self, writer: BlobWriter, part: Part) -> None:
        self._writer = writer
        self._part = part

    def _take(self, data: bytes) -> None:
        self._writer.write(data)

    def complete(self) -> BlobInfo:
        """See ``PartSink``; raises what ``BlobWriter.commit`` raises."""
        part = self._part
        declared = {"size": part.size, "md5": part.md5, "crc32c": part.crc32c, "sha256": part.sha256}
        return self._writer.commit(declared=declared)

    def abort(self) -> None:
        """See ``PartSink``."""
        self._writer.abort()


class VerifySink(PartSink):
    """Sink that compares the bytes with a stored blob, for a client that repeats an upload without an answer."""

    def __init__(self, info: BlobInfo, expected: str | None = None) -> None:
        self._info, self._expected = info, expected
        self._sha256 = hashlib.sha256()

    def _take(self, data: bytes) -> None:
        self._sha256.update(data)

    def complete(self) -> BlobInfo:
        """See ``PartSink``; raises PartMismatch for bytes that are not as expected, Conflict for other bytes."""
        actual = self._sha256.hexdigest()
        if self._expected not in (None, actual):
            details = {"field": "sha256", "declared": self._expected, "actual": actual}
            raise PartMismatch("the bytes differ from their digest", details)
        if self._info.sha256 is None or not hmac.compare_digest(self._info.sha256, actual):
            raise Conflict("other bytes were received for this part already", {"field": "sha256"})
        return self._info

    def abort(self) -> None:
        """See ``PartSink``."""


async def receive(
    content: StreamReader,
    sink: Sink,
    *,
    size: int,
    buffer_bytes: int,
    pace: MinRate,
    threads: Threads,
) -> None:
    """Receive ``size`` bytes into the sink with at most two buffers.

    Raises HTTPError when they are too slow or incomplete, and what the sink raises. No thread uses the sink afterwards.
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


def broke_off(received: int, size: int) -> HTTPError:
    """Make the error for an incomplete body; the client is mostly gone."""
    return bad_field("body", f"Broke off after {received} of {size} bytes.")


def _size_of_chunk(chunk: tuple[bytes, bool]) -> int:
    return len(chunk[0])


def _write_all(sink: Sink, pieces: list[bytes]) -> None:
    for piece in pieces:
        sink.write(piece)
    pieces.clear()
