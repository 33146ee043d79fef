"""Writer of one blob: pieces while the bytes come, the index at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock

from storage_adapters.blobs.digests import Digests
from storage_adapters.blobs.nodes.blobs import Blobs
from storage_adapters.blobs.nodes.cluster import translated
from storage_adapters.blobs.nodes.description import MOST_PIECES, PIECE_BYTES, Description
from storage_adapters.blobs.nodes.protocol.naming import piece_name
from storage_adapters.errors import BlobExists, StorageUnavailable
from storage_adapters.ports.blobs import BlobWriter
from storage_adapters.records import BlobInfo

# With the one that is being filled, a writer keeps four pieces.
PIECES_UNDER_WAY = 3


class NodesBlobWriter(BlobWriter):
    """Writer that hashes and sends each full piece beside, and hashes the whole in the calling thread."""

    def __init__(self, blobs: Blobs, info: BlobInfo, digests: Digests) -> None:
        """Begin; ``info`` is the description of the blob before its bytes are known."""
        self._blobs, self._info, self._digests = blobs, info, digests
        self._buffer: bytearray | None = bytearray()
        self._pieces = 0
        self._hashes = bytearray()
        self._under_way: deque[Future[bytes]] = deque()
        self._lock = Lock()

    def __del__(self) -> None:
        with suppress(Exception):
            self.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See ``BlobWriter``."""
        with self._lock:
            buffer = self._require_open()
            self._digests.update(data)
            rest = memoryview(data).cast("B")
            try:
                while rest:
                    if len(buffer) == PIECE_BYTES:
                        buffer = self._send_piece(buffer)
                    room = PIECE_BYTES - len(buffer)
                    buffer += rest[:room]
                    rest = rest[room:]
            except BaseException:
                self._discard()
                raise

    def commit(self, *, declared: Mapping[str, object]) -> BlobInfo:
        """See ``BlobWriter``."""
        with self._lock:
            buffer = self._require_open()
            try:
                self._digests.check(declared)
                if self._pieces:
                    self._send_piece(buffer)
                    self._wait_for_pieces(0)
                info = self._digests.described(self._info)
            except BaseException:
                self._discard()
                raise
            self._buffer = None
            try:
                if self._pieces:
                    self._blobs.create(Description(info, self._pieces), bytes(self._hashes))
                else:
                    self._blobs.create(Description(info, 0), buffer, info.sha256 or "")
            except BlobExists:
                self._discard()
                raise
            # After any other error the blob may be there, and then needs its pieces.
            return info

    def abort(self) -> None:
        """See ``BlobWriter``."""
        with self._lock:
            if self._buffer is not None:
                self._discard()

    def _require_open(self) -> bytearray:
        if self._buffer is None:
            raise ValueError("the writer is closed")
        return self._buffer

    def _send_piece(self, piece: bytearray) -> bytearray:
        number = self._pieces
        if number == MOST_PIECES:
            raise StorageUnavailable(f"a blob on nodes has at most {MOST_PIECES * PIECE_BYTES} bytes")
        self._wait_for_pieces(PIECES_UNDER_WAY - 1)
        self._under_way.append(
            self._blobs.begin_chunk(piece_name(self._info.key, self._info.generation, number), piece)
        )
        self._pieces += 1
        self._buffer = bytearray()
        return self._buffer

    def _wait_for_pieces(self, most: int) -> None:
        while len(self._under_way) > most:
            with translated():
                self._hashes += self._under_way.popleft().result()

    def _discard(self) -> None:
        self._buffer = None
        names = [piece_name(self._info.key, self._info.generation, number) for number in range(self._pieces)]
        if names:
            # What is left behind is found by a census.
            self._blobs.discard(names, self._under_way)
